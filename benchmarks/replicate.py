# SPDX-License-Identifier: Apache-2.0
"""Shoal beside what is known of the world: published accuracies, and laws that every training keeps. `make replicate`.

Everything is trained anew by the native engine, past any store, so that nothing is taken over from an earlier run. It
times nothing, and needs the real Fashion-MNIST. It ends with 0 if every check holds and with 1 if one fails. The laws,
and what each allows, stand in `laws.py`.

**Published accuracies.** The book's means come with ±, the standard deviation sd₁ over 11 unseeded runs; so a mean of
the book is known to sd₁ / √11, and ours, of n seeds, to sd₂ / √n. If both sides train the same thing, the difference
of the means has the standard error √(sd₁² / 11 + sd₂² / n), and ours has to lie within two of those. Three such checks
of what is true all hold about six times in seven. Beside it stands the narrower reading, two of the book's standard
errors alone, as if our mean were exact; it turns a true agreement down too often, so it is shown and not judged. Of the
MLP two means are published: ours has to be near either or between them, and 11 runs of each are taken for granted.

The book's accuracy is the plain mean over 40 batches; the last has 16 images, and each of them weighs as much as 16
others. That moves it by about a standard error of ours. So our runs are measured in the book's way, from their logits;
the mean over images stands beside it.
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from laws import (
    MLP,
    QUICK,
    SOFTMAX,
    WHOLE,
    Check,
    Size,
    asked,
    critical_checks,
    prefix_checks,
    rescaling_checks,
    train,
)

from shoal import files, wording
from shoal.data import Dataset, load
from shoal.engines import Tensors
from shoal.engines.native import NativeEngine
from shoal.errors import ShoalError
from shoal.models import Model
from shoal.provenance import provenance
from shoal.study import Config, Run

DOCS = Path(__file__).parent.parent / "docs"
MARKS = ("<!-- replication: written by benchmarks/replicate.py -->", "<!-- end of replication -->")
BOOK_RUNS, BOOK_BATCH = 11, 256


class Published(NamedTuple):
    """An accuracy of the book after so many epochs at lr 0.1, batch 256: between two means, with a spread over runs."""

    model: Model
    epochs: int
    low: float
    high: float
    sd: float


PUBLISHED = (
    Published(SOFTMAX, 1, 0.783, 0.783, 0.011),
    Published(SOFTMAX, 10, 0.831, 0.831, 0.003),
    Published(MLP, 10, 0.847, 0.850, 0.007),
)


# ---- published accuracies -----------------------------------------------------------------------------


def book_accuracy(right: np.ndarray) -> float:
    """The book's: the plain mean of the accuracies of batches of 256 in order. ``right`` is bool (images,)."""
    batches = (right[start : start + BOOK_BATCH] for start in range(0, len(right), BOOK_BATCH))
    return float(np.mean([batch.mean() for batch in batches]))


def judge_published(published: Published, accuracies: np.ndarray, exact: np.ndarray, judged: bool = True) -> Check:
    """Our seeds' accuracies measured in the book's way (n,), and as means over images (n,), beside the book's."""
    n, mean, sd = len(accuracies), float(accuracies.mean()), float(accuracies.std(ddof=1))
    alone = 2 * published.sd / np.sqrt(BOOK_RUNS)
    allowed = float(np.hypot(alone, 2 * sd / np.sqrt(n)))
    off = max(published.low - mean, mean - published.high, 0.0)
    inside = "inside" if off <= alone else "outside"
    means = "–".join(wording.fixed(value, 3) for value in dict.fromkeys(published[2:4]))
    return Check(
        "published accuracies",
        f"{published.model.name}, accuracy after {wording.count(published.epochs, 'epoch')}",
        f"{means} ± {wording.fixed(allowed, 4)}",
        wording.fixed(mean, 4),
        bool(off <= allowed) if judged else None,
        f"{wording.seeds(n)}, spread {wording.fixed(sd, 4)} (the book's {wording.fixed(published.sd, 3)}); as the mean "
        f"over images {wording.fixed(float(exact.mean()), 4)}; {inside} ± {wording.fixed(alone, 4)}, two of the "
        f"book's standard errors alone",
        {
            "epochs": published.epochs,
            "published": [published.low, published.high],
            "published_sd": published.sd,
            "published_runs": BOOK_RUNS,
            "n": n,
            "mean": mean,
            "sd": sd,
            "mean_over_images": float(exact.mean()),
            "off": off,
            "allowed": allowed,
            "allowed_by_the_book_alone": float(alone),
            "inside_the_book_alone": bool(off <= alone),
        },
    )


def published_checks(engine: NativeEngine, data: Dataset, size: Size) -> Iterator[Check]:
    for model in dict.fromkeys(each.model for each in PUBLISHED):
        rows = [each for each in PUBLISHED if each.model == model]
        config = asked(data, model, 0.1, max(each.epochs for each in rows))
        found = train(engine, [Run(config, seed) for seed in range(size.seeds)], data).values()
        for each in rows:
            right = [_right(engine, config, data, records[each.epochs].tensors) for records in found]
            accuracies = np.array([book_accuracy(row) for row in right])
            yield judge_published(each, accuracies, np.mean(right, axis=1), judged=size is not QUICK)


def _right(engine: NativeEngine, config: Config, data: Dataset, tensors: Tensors) -> np.ndarray:
    logits = engine.predict(config.model, tensors, data.test.images, config, data)
    return np.asarray(logits.argmax(axis=1) == data.test.labels)


# ---- telling ------------------------------------------------------------------------------------------

LAWS = (published_checks, prefix_checks, rescaling_checks, critical_checks)


def line(check: Check) -> str:
    """A check in the terminal: what, and under it what was expected and found."""
    note = f"\n{'':14}{check.note}" if check.note else ""
    return f"{check.verdict:<14}{check.what}\n{'':14}{check.expected}  →  {check.found}{note}"


def table(facts: dict[str, Any]) -> str:
    """The Markdown between the page's marks, from what the JSON holds."""
    checks = [Check(**each) for each in facts["checks"]]
    ran, versions, engine = facts["machine"], facts["versions"], facts["engine"]
    where = f"{ran['processor']}, {ran['system']}, {engine['name']} engine ({engine['instruction_set']})"
    with_what = f"Shoal {versions['shoal']}, Python {versions['python']}, NumPy {versions['numpy']}"
    lines = [f"{facts['date']}; {where}; {with_what}; {facts['data']['name']}.", "", conclusion(checks)]
    for law in dict.fromkeys(check.law for check in checks):
        lines += [
            "",
            f"**{law.capitalize()}**",
            "",
            "| | check | expected | found | beside it |",
            "|---|---|---|---|---|",
        ]
        rows = (check for check in checks if check.law == law)
        lines += [f"| {c.verdict} | {c.what} | {c.expected} | {c.found} | {c.note or '–'} |" for c in rows]
    return "\n".join(lines)


def published_provenance(engine: NativeEngine) -> dict[str, Any]:
    """Provenance as it is published: of the system its name and architecture, not the build of its kernel."""
    facts = provenance(engine)
    machine = facts["machine"] | {"system": f"{platform.system()} {platform.machine()}"}
    return facts | {"machine": machine}


def conclusion(checks: Sequence[Check]) -> str:
    """How many checks hold, and which do not."""
    judged = [check for check in checks if check.holds is not None]
    failed = [f"{check.what} ({check.law})" for check in judged if not check.holds]
    shown = f"; {len(checks) - len(judged)} only shown" if len(judged) < len(checks) else ""
    told = "; ".join(["", *failed]).replace("; ", ". Fails: ", 1)
    return f"{len(judged) - len(failed)} of {len(judged)} checks hold{shown}{told}."


def within(text: str, block: str) -> str:
    """The page with the generated block between its marks replaced."""
    before, rest = text.split(MARKS[0])
    return f"{before}{MARKS[0]}\n\n{block}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}"


def publish(facts: dict[str, Any], folder: Path) -> None:
    """The JSON, and the page between its marks."""
    page = folder / "replication.md"
    text = within(page.read_text(), table(facts))
    files.write(folder / "replication.json", (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())
    files.write(page, text.encode())


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="where Fashion-MNIST is; otherwise wherever it is found")
    parser.add_argument("--seeds", type=int, help=f"replicates of the published configs ({WHOLE.seeds})")
    parser.add_argument("--quick", action="store_true", help="less of everything; published accuracies only shown")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--page", action="store_true", help="write docs/replication.json and docs/replication.md")
    options = parser.parse_args(given)
    if options.quick and (options.page or options.seeds):
        parser.error("--quick has seeds of its own and is not published. Leave out --page and --seeds, or --quick.")
    if options.seeds is not None and options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: a spread needs at least 2 seeds.")
    return options


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    size = QUICK if options.quick else WHOLE._replace(seeds=options.seeds or WHOLE.seeds)
    try:
        data = load("fashion-mnist", options.data, insist=True)
    except ShoalError as error:
        print(f"replicate: {error}", file=sys.stderr)
        return error.exit_code
    engine, checks = NativeEngine(), []
    for law in LAWS:
        for check in law(engine, data, size):
            checks.append(check)
            if not options.json:
                print(line(check), flush=True)
    facts = {"schema": 1, "date": f"{date.today():%-d %B %Y}", **published_provenance(engine)}
    facts |= {"data": {"name": data.name, "sha256": dict(data.sha256)}, "checks": [asdict(check) for check in checks]}
    print(json.dumps(facts, ensure_ascii=False) if options.json else conclusion(checks))
    if options.page:
        publish(facts, DOCS)
    return int(any(check.holds is False for check in checks))


if __name__ == "__main__":
    sys.exit(main())
