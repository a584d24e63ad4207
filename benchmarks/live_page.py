# SPDX-License-Identifier: Apache-2.0
"""The table of docs/live.md from what `live.py` measured. Nothing is measured here, and no number is typed in."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from live_verdicts import SLOWER, always, below, nearly_always, settled, shares, slowdown

from shoal import files
from shoal.bench import TITLES
from shoal.wording import count, duration, fixed, percent

MARKS = ("<!-- measured -->", "<!-- /measured -->")
SCHEMA = 2
Facts = Mapping[str, Any]
Row = tuple[str, str, str, str, str]
"""What, promised, measured, n, verdict."""
PARTS = ("overview", "table", "chart")
STAGES = {
    "still": "the slider rests",
    "train": "training is asked for",
    "told": "first records come and the chart is asked for",
    "chart": "the chart is worked out",
    "drawn": "Vega draws it",
}


def table(facts: Facts) -> str:
    """Everything between the marks."""
    machine, parts = facts["machine"], facts["parts"]
    lines = [
        f"{facts['date']}, {count(machine['cores'], 'core')} of {machine['processor']}, {facts['data']}. The server, "
        f"which also trains, and those who watch, click and look share these cores. Every number: "
        f"[live.json](live.json).",
        "",
        "| what | promised | measured | n | kept |",
        "|---|---|---|---|---|",
    ]
    rows = [row for name, told in ROWS.items() if name in parts for row in told(parts[name], machine["cores"])]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def publish(facts: Facts, folder: Path) -> None:
    """The JSON, and the page between its marks."""
    page = folder / "live.md"
    before, rest = page.read_text().split(MARKS[0])
    text = f"{before}{MARKS[0]}\n\n{table(facts)}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}"
    files.write(page, text.encode())
    files.write(folder / "live.json", (json.dumps(facts, indent=1) + "\n").encode())


# ---- rows -----------------------------------------------------------------------------------------------


def _watchers(found: Facts, cores: int) -> Iterator[Row]:
    crowd, what = count(found["watchers"], "page"), TITLES[found["model"]]
    ratio = slowdown(found["segments"])
    pairs = f"{ratio.n} pairs of {fixed(found['seconds'], 1)} s"
    amount = f"{_change(ratio.estimate)} [{_change(ratio.low)}, {_change(ratio.high)}]"
    yield f"{crowd} that watch slow the training of {what}", f"< {percent(SLOWER)}", amount, pairs, settled(ratio)
    taken = shares(found["segments"], found["seconds"], cores)
    yield (
        f"of the CPU seconds of all cores, the server takes for {crowd} that watch",
        f"< {percent(SLOWER)}",
        f"{percent(taken['page'], 2)}, and those who read {percent(taken['crowd'], 2)}",
        pairs,
        below(taken["page"], SLOWER),
    )
    for one in (found, found["lone"]):
        lags, lost = one["lags"], one["lost"]
        yield (
            f"from storing an epoch of {TITLES[one['model']]} to each of {crowd}",
            f"p99 < {duration(lags['limit'])}",
            f"{_spread(lags)}; {f'{lost:,}' if lost else 'none'} lost",
            f"{lags['n'] + lost:,}",
            nearly_always(lags, lost),
        )


def _sliders(found: Facts, cores: int) -> Iterator[Row]:
    for kind, when in (("idle", "nothing trains"), ("midst", "another trains")):
        one = found[kind]
        stages = "; ".join(f"{STAGES[name]} {duration(seconds)}" for name, seconds in one["stages"].items())
        yield (
            f"from a slider's move to the first point of softmax regression in a browser, while {when}",
            f"< {duration(one['limit'])}",
            f"{_spread(one)}, of which {duration(found['still'])} is rest by design (medians: {stages})",
            str(one["n"]),
            always(one),
        )


def _views(found: Facts, cores: int) -> Iterator[Row]:
    runs, new = count(found["runs"], "run"), f"a server started {duration(found['opened'])} ago"
    for kind, what in (
        ("new", f"first view of {runs} in a browser, of {new}"),
        ("asked", "the same, of a server that was asked before"),
        ("answers", f"of it, the answer of {new}"),
    ):
        one = found[kind]
        whole, parts = one["all"], [f"{part} {duration(one[part]['p50'])}" for part in PARTS if part in one]
        each = f" ({', '.join(parts)})" if parts else ""
        yield what, f"< {duration(whole['limit'])}", f"{_spread(whole)}{each}", str(whole["n"]), always(whole)


def _cancel(found: Facts, cores: int) -> Iterator[Row]:
    what = "from asking to cancel, in the midst of LeNet's epoch, to hearing that it is"
    yield what, f"< {duration(found['limit'])}", _spread(found), str(found["n"]), always(found)


def _slow(found: Facts, cores: int) -> Iterator[Row]:
    cut, meanwhile = found["cut"], found["besieged"]
    last = f"the last after {fixed(cut['max'], 2)} s"
    yield f"{found['lines']} slow requests are cut", f"< {duration(cut['limit'])}", last, str(cut["n"]), always(cut)
    yield (
        "the page answers meanwhile",
        f"p99 < {duration(meanwhile['limit'])}",
        f"{_spread(meanwhile)}; before, {_spread(found['quiet'])}",
        str(meanwhile["n"]),
        nearly_always(meanwhile),
    )


ROWS = {"watchers": _watchers, "sliders": _sliders, "views": _views, "cancel": _cancel, "slow": _slow}


def _spread(found: Facts) -> str:
    """Median and 99th percentile, which of fewer than a hundred is nearly the largest."""
    if not found["n"]:
        return "nothing came"
    high = f"p99 {duration(found['p99'])}" if found["n"] >= 100 else f"at most {duration(found['max'])}"
    return f"median {duration(found['p50'])}, {high}"


def _change(ratio: float) -> str:
    return percent(float(np.round(ratio - 1, 4)), 1)
