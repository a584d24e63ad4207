# SPDX-License-Identifier: Apache-2.0
"""The table of docs/live.md from what `live.py` measured. Nothing is measured here, and no number is typed in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shoal import files
from shoal.analysis.statistics import mean_interval
from shoal.bench import TITLES
from shoal.wording import count, duration, fixed

MARKS = ("<!-- measured -->", "<!-- /measured -->")
Facts = Mapping[str, Any]


def table(facts: Facts) -> str:
    """Everything between the marks."""
    machine, data = facts["machine"], facts["data"]
    lines = [
        f"{facts['date']}, {count(machine['cores'], 'core')} of {machine['processor']}, {data}. The server, which also "
        f"trains, and those who listen share these cores. Every number: [live.json](live.json).",
        "",
        "| what | promised | measured |",
        "|---|---|---|",
    ]
    for work in facts["watched"]:
        lines += _watched(work, facts["watchers"])
    return "\n".join([*lines, *_sliders(facts["sliders"]), *_views(facts["first_views"]), *_slow(facts["slow"])])


def publish(facts: Facts, folder: Path) -> None:
    """The JSON, and the page between its marks."""
    page = folder / "live.md"
    before, rest = page.read_text().split(MARKS[0])
    text = f"{before}{MARKS[0]}\n\n{table(facts)}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}"
    files.write(page, text.encode())
    files.write(folder / "live.json", (json.dumps(facts, indent=1) + "\n").encode())


def slowdown(pairs: list[tuple[float, float]]) -> tuple[float, float | None, float | None]:
    """How much longer the second of each pair takes, as a share, with its 95% interval: the mean of the log ratios."""
    found = mean_interval(np.log([watched / alone for alone, watched in pairs]))
    low, high = (None if end is None else float(np.expm1(end)) for end in (found.low, found.high))
    return float(np.expm1(found.mean)), low, high


def _watched(work: Facts, watchers: int) -> list[str]:
    mean, low, high = slowdown(work["seconds"])
    alone = float(np.median([pair[0] for pair in work["seconds"]]))
    between = "" if low is None or high is None else f" [{_percent(low)}, {_percent(high)}]"
    what = f"{TITLES[work['model']]}, {work['epochs']} epochs of {work['seeds']} seeds in {duration(alone)}"
    lost = f"; {count(work['lost'], 'event')} lost" if work["lost"] else "; none lost"
    return [
        f"| {watchers} watchers slow training: {what} | < 2% | {_percent(mean)}{between}, "
        f"n = {len(work['seconds'])} pairs |",
        f"| from storing to each watcher: {TITLES[work['model']]} | p99 < 500 ms | {_seconds(work['lags'])}{lost} |",
    ]


def _sliders(found: Facts) -> list[str]:
    return [
        f"| softmax regression asked for at another learning rate to its first record (epoch 0) at the page, nothing "
        f"training | < 300 ms "
        f"| {_seconds(found['idle'])} |",
        f"| the same, in the midst of the training before | < 300 ms | {_seconds(found['midst'])} |",
    ]


def _views(found: Facts) -> list[str]:
    names = ("overview", "table", "chart")
    each = ", ".join(f"{name} {duration(found[name]['p50'])}" for name in names)
    return [
        f"| a new server's answers for a first view of {found['runs']:,} runs | < 1 s "
        f"| {duration(found['together']['p50'])} ({each}), at most {duration(found['together']['max'])}, "
        f"n = {found['together']['n']} |"
    ]


def _slow(found: Facts) -> list[str]:
    return [
        f"| {found['lines']} slow requests are cut | within 5 s | {fixed(found['cut']['max'], 2)} s the last of them |",
        f"| the page answers meanwhile | quick | {_seconds(found['besieged'])}; before, {_seconds(found['quiet'])} |",
    ]


def _seconds(found: Facts) -> str:
    if not found["n"]:
        return "nothing came"
    return f"median {duration(found['p50'])}, p99 {duration(found['p99'])}, n = {found['n']:,}"


def _percent(share: float) -> str:
    return f"{fixed(100 * share, 1)}%"
