# SPDX-License-Identifier: Apache-2.0
"""The result written down: Markdown tables between a page's marks, the figure, lines for a terminal. Nothing is
measured here, and no number is made but by rounding."""

import json
from collections.abc import Sequence
from pathlib import Path

from shoal import files
from shoal.bench import OF_THE_PEAK, TIMES, TITLES, Check, Result, Row
from shoal.bench.measure import to_json
from shoal.bench.peers import PEERS
from shoal.errors import UsageError
from shoal.wording import listed, percent, significant

MARKS = ("<!-- measured -->", "<!-- end -->")
LOOP = PEERS["pytorch"].title
PICTURED = 8
"""Runs in flight in the figure and the table of all peers, or the next best that was measured."""


def write(result: Result, page: Path) -> None:
    """Put the tables between the page's marks; all numbers go to ``speed.json`` beside it, the figure into images/.

    Raises:
        UsageError: the page lacks the marks.
        OSError: the page cannot be read, or something cannot be written.
    """
    before, opened, rest = page.read_text().partition(MARKS[0])
    _, closed, after = rest.partition(MARKS[1])
    if not opened or not closed:
        raise UsageError(f"{page} has no place for the tables. Put {MARKS[0]} and {MARKS[1]} on lines of their own.")
    files.write(page, f"{before}{MARKS[0]}\n{markdown(result)}\n{MARKS[1]}{after}".encode())
    files.write(page.with_name("speed.json"), (json.dumps(to_json(result), indent=1) + "\n").encode())
    if any(row.peer for row in result.rows):
        from shoal import figures

        images = page.with_name("images")
        images.mkdir(exist_ok=True)
        files.write(images / "speed.png", figures.png(chart(result.rows)))


def markdown(result: Result) -> str:
    """Where and how it was measured, then a table for each question.

    It links ``speed.json`` and ``images/speed.png``, which `write` puts beside the page.
    """
    parts = [_measured_on(result)]
    if result.rows:
        shown = _pictured(result.rows)
        parts += ["### Seconds per epoch and model, and the share of the peak\n", _shoal(result.rows)]
        if any(row.peer == LOOP for row in result.rows):
            parts += ["### Against the PyTorch loop over images in memory\n", _loop(result.rows)]
        if any(row.peer for row in result.rows):
            parts += [f"### Against everybody, with {shown} runs in flight\n", _everybody(result.rows, shown), PICTURE]
    if result.checks:
        parts += ["### The other promises\n", _table(PROMISES_HEAD, promises(result.checks))]
    return "\n".join([*parts, "Every number, and every range: [speed.json](speed.json)."])


def chart(rows: Sequence[Row]):  # type: ignore[no-untyped-def]
    """A panel a model, a row a peer, a mark a batch size: how many times as long it takes."""
    from shoal.figures import Pace, speeds

    shown, panels = _pictured(rows), []
    for model in dict.fromkeys(row.model for row in rows):
        marks = [
            Pace(row.peer, f"batch {row.batch}", row.ratio, row.ratio_low or row.ratio, row.ratio_high or row.ratio)
            for row in rows
            if row.model == model and row.in_flight == shown and row.peer and row.ratio
        ]
        panels.append((TITLES[model], marks))
    return speeds(panels, x_title="time / Shoal's time per epoch and model", rule=(1.0, "as fast as Shoal"))


def terminal(result: Result) -> list[list[str]]:
    """The rows of a table for people, one a line of the result; `HEAD` names the columns."""
    return [_line(row) for row in result.rows]


HEAD = ("model", "batch", "in flight", "Shoal", "of peak", "peer", "its time", "ratio", "range", "to reach")


PICTURE = "![How many times as long others take for an epoch, model by model](images/speed.png)\n"
PROMISES_HEAD = ("promise", "measured", "range", "to reach", "reached", "")


def promises(checks: Sequence[Check]) -> list[list[str]]:
    """The same for the promises, under `PROMISES_HEAD`."""
    return [
        [check.name, _figure(check), _range(check), _goal(check), "yes" if check.reached else "no", check.note]
        for check in checks
    ]


# ---- tables -------------------------------------------------------------------------------------------


def _measured_on(result: Result) -> str:
    about = result.machine
    peers = listed(list(dict.fromkeys(about["peers"].values())) or ["nobody"])
    peaks = listed([f"{name}'s {value:.0f}" for name, value in about["peaks"].items() if value])
    rounds = sorted({row.n for row in result.rows})
    return (
        f"{about['date']}, {about['processor']}, {about['cores']} cores, {about['instruction_set']}, "
        f"{about['images']:,} images of {about['data']}"
        f"{f', medians of {rounds[-1]} rounds' if rounds else ''}. Beside {peers}. "
        f"Peak: {result.peak_gflops:.0f} GFLOP/s, the faster matrix product of {peaks}.\n"
    )


def _shoal(rows: Sequence[Row]) -> str:
    counts = list(dict.fromkeys(row.in_flight for row in rows))
    first = {(row.model, row.batch, row.in_flight): row for row in reversed(rows)}
    body = []
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        here = [first.get((model, batch, count)) for count in counts]
        times = [_time(row.shoal_s) if row else "–" for row in here]
        shares = [percent(row.peak_fraction) if row else "–" for row in here]
        goal = percent(OF_THE_PEAK[model]) if model in OF_THE_PEAK else "–"
        body.append([TITLES[model], str(batch), *times, *shares, goal])
    head = ["model", "batch", *(f"{count} in flight" for count in counts), *(f"peak, {count}" for count in counts)]
    return _table([*head, "to reach"], body)


def _loop(rows: Sequence[Row]) -> str:
    """How many times as fast, by runs in flight."""
    counts = list(dict.fromkeys(row.in_flight for row in rows))
    found = {(row.model, row.batch, row.in_flight): row for row in rows if row.peer == LOOP}
    body = []
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        here = [found.get((model, batch, count)) for count in counts]
        seconds = next((_time(row.peer_s) for row in here if row and row.peer_s), "–")
        goal = TIMES[model].get(batch)
        cells = [_ratio(row) for row in here]
        body.append([TITLES[model], str(batch), seconds, *cells, _short(goal) if goal else "–"])
    head = ["model", "batch", "PyTorch, s", *(f"{count} in flight" for count in counts), "to reach"]
    return _table(head, body)


def _everybody(rows: Sequence[Row], shown: int) -> str:
    peers = [kind.title for kind in PEERS.values() if any(row.peer == kind.title for row in rows)]
    found = {(row.model, row.batch, row.peer): row for row in rows if row.in_flight == shown}
    body = []
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        body.append([TITLES[model], str(batch), *(_ratio(found.get((model, batch, peer))) for peer in peers)])
    return _table(["model", "batch", *peers], body)


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


# ---- cells --------------------------------------------------------------------------------------------


def _pictured(rows: Sequence[Row]) -> int:
    return min((row.in_flight for row in rows), key=lambda count: abs(count - PICTURED))


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"


def _short(number: float) -> str:
    return significant(number, 2) if number < 100 else f"{number:.0f}"


def _ratio(row: Row | None) -> str:
    if row is None or row.ratio is None or row.ratio_low is None or row.ratio_high is None:
        return "–"
    return f"{_short(row.ratio)} ({_short(row.ratio_low)}–{_short(row.ratio_high)})"


def _line(row: Row) -> list[str]:
    share = percent(row.peak_fraction)
    ours = [row.model, str(row.batch), str(row.in_flight), f"{_time(row.shoal_s)} s", share]
    if row.peer is None or row.ratio is None or row.ratio_low is None or row.ratio_high is None:
        return [*ours, "–", "", "", "", ""]
    spread = f"{_short(row.ratio_low)}–{_short(row.ratio_high)}"
    return [
        *ours,
        row.peer,
        f"{_time(row.peer_s)} s",
        f"{_short(row.ratio)}×",
        spread,
        _short(row.goal or 0) if row.goal else "",
    ]


def _figure(check: Check) -> str:
    return percent(check.figure, 1) if check.unit == "of the time" else f"{significant(check.figure, 3)} {check.unit}"


def _range(check: Check) -> str:
    if check.n < 2:
        return "–"
    return f"{significant(check.low, 2)}–{significant(check.high, 2)}"


def _goal(check: Check) -> str:
    bound = percent(check.goal) if check.unit == "of the time" else significant(check.goal, 3)
    return f"{'≤' if check.at_most else '≥'} {bound}"
