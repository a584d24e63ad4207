# SPDX-License-Identifier: Apache-2.0
"""Does Shoal train what PyTorch trains? Accuracies over seeds, held equivalent within half a point. `make prove`.

Two sides train the same network on the same images: Shoal's native engine, and a loop as PyTorch's own tutorials write
it. They share nothing else: each draws its initial weights (Xavier uniform, biases 0) and its orders of examples from
its own generator, and PyTorch's models, scaling, optimizers and schedule are its own. So this judges Shoal's random
streams as well. That both compute the same from the same start is another proof, `tests/parity`; here two runs of one
seed are as different as any two, so the two samples are independent and not paired.

Judged by two one-sided tests (Schuirmann 1987): with Welch's t both "half a point worse" and "half a point better" are
refuted at 5%, which is to say that the 90% interval of the difference lies within half a point. And both sides must
have learnt, or two networks that do nothing would be equivalent: means of at least `LEARNT`.

The rates fall along half a cosine to 0, so that a few epochs end with little noise: .1 to .4 points of accuracy between
seeds. LeNet with sigmoids stands still for its first epochs at the textbook's lr 0.9; with standardised pixels and Adam
it is past its plateau within a few hundred steps. It needs the real data sets and PyTorch, times nothing, and takes
about a quarter of an hour on two cores.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from replicate import published_provenance

import shoal.bench
from shoal import files, wording
from shoal.data import Dataset, Split, load
from shoal.engines import usable_cores
from shoal.engines.native import NativeEngine
from shoal.errors import ShoalError
from shoal.models import Model, lenet, mlp, softmax_regression
from shoal.optimizers import SGD, Adam, Cosine
from shoal.study import Config, Run

DOCS = Path(__file__).parent.parent / "docs"
sys.path.append(str(Path(shoal.bench.__file__).parent / "twins"))  # scripts for another Python, and no package
DATA = ("fashion-mnist", "mnist")
SEEDS, MARGIN, ALPHA, LEARNT = 20, 0.005, 0.05, 0.75


class Case(NamedTuple):
    """What both sides train, and the name of PyTorch's model among the benchmark's twins."""

    model: Model
    twin: str
    optimizer: SGD | Adam
    batch_size: int
    epochs: int
    images: int = 60_000
    standardize: bool = False

    @property
    def trained(self) -> str:
        """ "SGD, lr 0.1, batches of 256, 2 epochs of 60,000 images"."""
        optimizer = self.optimizer
        momentum = f", momentum {optimizer.momentum}" if isinstance(optimizer, SGD) and optimizer.momentum else ""
        pixels = ", standardised" if self.standardize else ""
        return (
            f"{type(optimizer).__name__}, lr {optimizer.lr}{momentum}, batches of {self.batch_size}, "
            f"{wording.count(self.epochs, 'epoch')} of {wording.count(self.images, 'image')}{pixels}"
        )


CASES = (
    Case(softmax_regression(), "softmax", SGD(lr=0.1), 256, 3),
    Case(mlp(256), "mlp-256", SGD(lr=0.1, momentum=0.9), 256, 2),
    Case(lenet("sigmoid", "avg"), "lenet", Adam(lr=0.004), 64, 2, standardize=True),
    Case(lenet("relu", "max"), "lenet-relu-max", Adam(lr=0.002), 64, 2, images=30_000),
)


# ---- the two sides ------------------------------------------------------------------------------------


def beginning(data: Dataset, images: int) -> Dataset:
    """The data set with the first so many training images."""
    return replace(data, train=Split(data.train.images[:images], data.train.labels[:images]))


def shoal_accuracies(case: Case, data: Dataset, seeds: Sequence[int]) -> np.ndarray:
    """(seeds,): the native engine's validation accuracy after the last epoch."""
    config = Config(
        data=data.name,
        model=case.model,
        optimizer=case.optimizer,
        epochs=case.epochs,
        batch_size=case.batch_size,
        schedule=Cosine(epochs=case.epochs),
        standardize=case.standardize,
    )
    given, ends = {data.name: beginning(data, case.images)}, {}
    for record in NativeEngine().train([Run(config, seed) for seed in seeds], given):
        ends[record.run.seed] = record.validation_accuracy
    return np.array([ends[seed] for seed in seeds])


def pytorch_accuracy(case: Case, data: Dataset, seed: int) -> float:
    """The same of one PyTorch run, on one core."""
    import torch
    from torch import nn
    from torch_models import MODELS

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    images, labels = (torch.from_numpy(part[: case.images]) for part in (data.train.images, data.train.labels))
    pixels, tests = images / 255, torch.from_numpy(data.test.images) / 255
    if case.standardize:
        mean, std = pixels.mean(), pixels.std()
        pixels, tests = (pixels - mean) / std, (tests - mean) / std
    labels = labels.long()
    model = MODELS[case.twin]()
    for name, parameter in model.named_parameters():
        (nn.init.xavier_uniform_ if name.endswith("weight") else nn.init.zeros_)(parameter)
    options = {name: getattr(case.optimizer, name) for name in case.optimizer.__struct_fields__}
    optimizer = getattr(torch.optim, type(case.optimizer).__name__)(model.parameters(), **options)
    steps = case.epochs * -(-len(pixels) // case.batch_size)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(case.epochs):
        for batch in torch.randperm(len(pixels)).split(case.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels[batch]), labels[batch]).backward()
            optimizer.step()
            scheduler.step()
    with torch.no_grad():
        found = torch.cat([model(part).argmax(1) for part in tests.split(500)])
    return float((found.numpy() == data.test.labels).mean())


def pytorch_accuracies(case: Case, data: Dataset, seeds: Sequence[int]) -> np.ndarray:
    """(seeds,): as many runs at once as there are cores, each in a process of its own."""
    with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as processes:
        return np.array(list(processes.map(partial(pytorch_accuracy, case, data), seeds)))


# ---- the judgement ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What one case says. Accuracies are fractions of the test images."""

    data: str
    model: str
    trained: str
    shoal: list[float]
    pytorch: list[float]
    difference: float
    """Shoal's mean less PyTorch's."""
    low: float
    high: float
    p: float
    """The larger of the two one-sided tests'."""
    margin: float = MARGIN

    @property
    def learnt(self) -> bool:
        return bool(min(np.mean(self.shoal), np.mean(self.pytorch)) >= LEARNT)

    @property
    def equivalent(self) -> bool:
        return self.p < ALPHA and self.learnt

    @property
    def apart(self) -> str:
        """ ".03 [−.05, .11]": the difference and its 90% interval, in points."""
        return f"{wording.fixed(100 * self.difference, 2)} {wording.interval(100 * self.low, 100 * self.high, 2)}"

    def line(self) -> str:
        """In the terminal, and for `make prove`."""
        n, word = len(self.shoal), "equivalent" if self.equivalent else "NOT SHOWN EQUIVALENT"
        return (
            f"{self.model} on {self.data}: {word} to PyTorch within {points(self.margin)} points (TOST, p = "
            f"{self.p:.1e}); Shoal − PyTorch {self.apart} points, {n} seeds a side, accuracy "
            f"{wording.fixed(float(np.mean(self.shoal)), 4)}"
        )


def judge(data: str, case: Case, ours: Iterable[float], theirs: Iterable[float], margin: float = MARGIN) -> Outcome:
    """Two one-sided Welch tests of two independent samples."""
    from scipy.stats import ttest_ind

    a, b = np.array([*ours]), np.array([*theirs])
    not_worse = ttest_ind(a + margin, b, equal_var=False, alternative="greater").pvalue
    not_better = ttest_ind(a - margin, b, equal_var=False, alternative="less").pvalue
    interval = ttest_ind(a, b, equal_var=False).confidence_interval(1 - 2 * ALPHA)
    found = a.mean() - b.mean(), interval.low, interval.high, max(not_worse, not_better)
    return Outcome(data, case.model.name, case.trained, a.tolist(), b.tolist(), *map(float, found), margin)


def outcomes(load_data: Callable[[str], Dataset], seeds: Sequence[int]) -> Iterator[Outcome]:
    """Every case on both data sets."""
    for name, case in product(DATA, CASES):
        data = load_data(name)
        yield judge(name, case, shoal_accuracies(case, data, seeds), pytorch_accuracies(case, data, seeds))


# ---- telling ------------------------------------------------------------------------------------------


def points(fraction: float) -> str:
    """.005 as ".5": in percentage points."""
    return wording.fixed(100 * fraction, 1)


def table(found: Sequence[Outcome]) -> str:
    lines = [
        "| | data | model | trained | n | Shoal | PyTorch | Shoal − PyTorch, 90% interval | p |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        mark = "✓ equivalent" if one.equivalent else "✗ not shown"
        sides = (
            f"{100 * np.mean(each):.2f} (sd {100 * np.std(each, ddof=1):.2f})" for each in (one.shoal, one.pytorch)
        )
        cells = (mark, one.data, one.model, one.trained, f"{len(one.shoal)} + {len(one.pytorch)}", *sides, one.apart)
        lines.append(f"| {' | '.join(cells)} | {wording.significant(one.p, 2)} |")
    return "\n".join(lines)


def page(facts: dict[str, Any]) -> str:
    """docs/equivalence.md, from what the JSON holds."""
    found = [Outcome(**one) for one in facts["outcomes"]]
    ran, versions, engine = facts["machine"], facts["versions"], facts["engine"]
    return f"""# Beside PyTorch

Written by `benchmarks/equivalence.py --page`; every number in full is in [equivalence.json](equivalence.json).

Shoal's native engine and a PyTorch loop train the same networks on the same images, each with its own initial draws
and its own orders of examples. Two one-sided Welch tests ask whether their mean test accuracies lie within
{points(MARGIN)} points of each other: equivalent where "worse by more" and "better by more" are refuted at {ALPHA:.0%}.
Accuracies and differences are percentage points of 10,000 test images; rates fall along half a cosine to 0. The other
half is held by `tests/parity`: from the same start in the same order, a hundred steps of every layer, loss and
optimizer stay together to rounding.

{sum(one.equivalent for one in found)} of {len(found)} are equivalent.

{table(found)}

{facts["date"]}; {ran["processor"]}, {ran["system"]}, {engine["name"]} engine ({engine["instruction_set"]}); Shoal \
{versions["shoal"]}, PyTorch {versions["torch"]}, Python {versions["python"]}, NumPy {versions["numpy"]}.
"""


def publish(found: Sequence[Outcome], folder: Path = DOCS) -> None:
    """The JSON, and the page."""
    import torch

    facts = {"schema": 1, "date": f"{date.today():%-d %B %Y}", **published_provenance(NativeEngine())}
    facts["versions"] |= {"torch": torch.__version__}
    facts |= {"outcomes": [asdict(one) for one in found]}
    files.write(folder / "equivalence.json", (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())
    files.write(folder / "equivalence.md", page(facts).encode())


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="where the data sets are; otherwise wherever they are found")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of each side ({SEEDS})")
    parser.add_argument("--page", action="store_true", help="write docs/equivalence.json and docs/equivalence.md")
    options = parser.parse_args(given)
    if options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: a spread needs at least 2 seeds.")
    found = []
    try:
        for outcome in outcomes(lambda name: load(name, options.data, insist=True), range(options.seeds)):
            found.append(outcome)
            print(outcome.line(), flush=True)
    except ShoalError as error:
        print(f"equivalence: {error}", file=sys.stderr)
        return error.exit_code
    if options.page:
        publish(found)
    return int(not all(one.equivalent for one in found))


if __name__ == "__main__":
    sys.exit(main())
