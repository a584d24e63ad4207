# SPDX-License-Identifier: Apache-2.0
"""How quick the live page is, and what it costs whoever trains: watchers, sliders, many runs, cancels, slow visitors.

    python benchmarks/live.py --data path                        measures and prints the table of docs/live.md
    python benchmarks/live.py --data path --json                 prints every number instead
    python benchmarks/live.py --data path --page                 writes docs/live.json and the table
    python benchmarks/live.py --data path --page --only views    measures one part, and keeps the others' numbers

It takes twelve minutes on an idle machine, eight of them for the watchers. Server, watchers and browser are processes
of their own and share the machine's cores. Nothing is compared with other programs.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import live_asked
import live_browser
import live_page
import live_views
import live_watched
from live_line import progress
from replicate import published_provenance

from shoal.data import load
from shoal.engines.native import NativeEngine

DOCS = Path(__file__).parent.parent / "docs"
SAME = ("machine", "versions", "engine", "data")
"""What parts that stand in one table have in common."""

Part = Callable[[Path | None, Path], dict[str, Any]]


def parts(quick: bool) -> dict[str, Part]:
    """By name, what measures with the data of a folder, in another for its stores."""
    asked = live_asked.QUICK if quick else live_asked.Extent()
    return {
        "watchers": partial(live_watched.measure, live_watched.QUICK if quick else live_watched.Extent()),
        "sliders": partial(live_browser.sliders, live_browser.QUICK if quick else live_browser.Extent()),
        "views": partial(live_views.measure, live_views.QUICK if quick else live_views.Extent()),
        "cancel": partial(live_asked.cancels, asked),
        "slow": partial(live_asked.slow, asked),
    }


def measure(known: dict[str, Part], names: Sequence[str], data: Path | None) -> dict[str, Any]:
    """The numbers of these parts, with the day, and where they were measured."""
    dataset = load("fashion-mnist", data)
    facts = {
        "schema": live_page.SCHEMA,
        "date": date.today().isoformat(),
        **published_provenance(NativeEngine()),
        "data": dataset.stand_in or "Fashion-MNIST",
        "parts": {},
    }
    for name in names:
        progress(name)
        with tempfile.TemporaryDirectory() as folder:
            facts["parts"][name] = known[name](data, Path(folder))
    return facts


def merged(before: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """These numbers, and of those before the other parts', if they were measured in the same place."""
    if before.get("schema") != facts["schema"] or any(before[name] != facts[name] for name in SAME):
        progress("the numbers that were there are of another place or form, and are not kept")
        return facts
    every = before["parts"] | facts["parts"]
    return facts | {"parts": {name: every[name] for name in live_page.ROWS if name in every}}


def main() -> None:
    known = list(parts(quick=True))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--only", default=",".join(known), help=f"parts, with commas between: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it works; not to be published")
    parser.add_argument("--json", action="store_true", help="print every number")
    parser.add_argument("--page", action="store_true", help="write docs/live.json and the table of docs/live.md")
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"--only {given.only}: there is no {', '.join(sorted(unknown))}. Use {', '.join(known)}.")
    if given.quick and given.page:
        parser.error("--quick measures too little to be published. Leave out --quick or --page.")
    facts = measure(parts(given.quick), names, given.data)
    if given.page:
        facts = merged(json.loads((DOCS / "live.json").read_text()), facts)
        live_page.publish(facts, DOCS)
    print(json.dumps(facts, indent=1) if given.json else live_page.table(facts))


if __name__ == "__main__":
    main()
