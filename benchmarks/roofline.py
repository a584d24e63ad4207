# SPDX-License-Identifier: Apache-2.0
"""Where a training epoch's time goes: bounds from shapes alone (`counts`), what one core takes, and samples by kernel.

    python benchmarks/roofline.py --data path            measures and prints the section of docs/performance.md
    python benchmarks/roofline.py --data path --page     writes it there, and its numbers to docs/roofline.json

It takes two minutes on an idle machine, and trains on one core. Samples are taken by `perf` in a build of the engine
that keeps the names of its functions (`build/symbols`; the first time a minute more); without `perf` they are left out.
They are samples of the clock: hardware counters are not asked for, since virtual machines seldom have any.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import product
from pathlib import Path
from shutil import which
from time import perf_counter
from typing import Any

import numpy as np
import roofline_page
from replicate import published_provenance

from shoal.bench import MODELS, RATES, peak
from shoal.bench.speed import cut
from shoal.data import Dataset, load
from shoal.engines.native import NativeEngine
from shoal.errors import ShoalError
from shoal.optimizers import SGD, Adagrad, Adam, Optimizer
from shoal.study import Config, Run

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
COUNTED = "x86_64_v4"
"""The instruction set whose blocks `counts` knows: AVX-512."""
BATCHES = (32, 256)
ROUNDS = 3
EPOCHS = {"softmax": 5, "mlp-256": 2, "lenet": 1, "lenet-relu-max": 1}
"""In a round; over all rounds the fastest counts, since machines are shared."""
SAMPLED = {"softmax": 60, "mlp-256": 8, "lenet": 3, "lenet-relu-max": 3}
"""Epochs while samples are taken."""
OPTIMIZERS: Mapping[str, Optimizer] = {
    "SGD": SGD(lr=0.1),
    "momentum": SGD(lr=0.01, momentum=0.9),
    "Adagrad": Adagrad(),
    "Adam": Adam(),
}
HERTZ = 1999
STREAM = 512 * 1024
"""Bytes of the array that measures the second-level cache: half of what is usual."""

KERNELS = {
    "linear, there and back": r"multiply_block|Multiply<|linear_forward|linear_backward_input",
    "linear, weight gradient": r"outer_block|Outer<|linear_backward|linear_turn",
    "convolution, there and back": r"convolve|Pixels<|conv2d_forward|cheapest",
    "convolution, weight gradient": r"correlate|Columns<|conv2d_backward|sum_lanes|sum_places|sum_tiles",
    "activations": r"relu|sigmoid",
    "pooling": r"pool2d",
    "pixels": r"load_pixels|transpose",
    "loss": r"cross_entropy",
    "update": r"_step",
}
"""By the names of the functions; the first that is found counts."""
REST = "the rest"


# ---- one core -----------------------------------------------------------------------------------------


def epochs(model: str, batch: int, data: Dataset, count: int, optimizer: Optimizer | None = None) -> float:
    """Seconds of the fastest of so many epochs of one run on one core, validation left out."""
    config = Config(
        data=data.name,
        model=MODELS[model],
        optimizer=optimizer or SGD(lr=RATES[model]),
        epochs=count,
        batch_size=batch,
    )
    records = NativeEngine(1).train([Run(config, 0)], {data.name: data})
    return min(record.seconds for record in records if record.epoch)


def fastest(compute: Callable[[], object], tries: int = 200) -> float:
    """Seconds."""
    best = float("inf")
    for _ in range(tries):
        start = perf_counter()
        compute()
        best = min(best, perf_counter() - start)
    return best


def limits() -> dict[str, float]:
    """What NumPy reaches in this process: GFLOP/s of a matrix product, and GB/s read and written in an array that
    fits the second-level cache and not the first."""
    array = np.ones(STREAM // 4, np.float32)
    seconds = fastest(lambda: np.multiply(array, np.float32(1), out=array))
    return {"peak_gflops": peak.of_numpy(), "second_level_gbs": 2 * STREAM / seconds / 1e9}


def second_level() -> int | None:
    """KiB of a core's second-level cache, where Linux tells."""
    try:
        return int(Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip().removesuffix("K"))
    except (OSError, ValueError):
        return None


def limits_of_a_core() -> dict[str, float]:
    """The same in a process whose matrix products use one thread."""
    one = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM")}
    command = [sys.executable, __file__, "--limits"]
    done = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


# ---- samples ------------------------------------------------------------------------------------------


def kernel(symbol: str) -> str:
    """The row of the table that a function belongs to."""
    return next((name for name, pattern in KERNELS.items() if re.search(pattern, symbol)), REST)


def shares(script: str) -> dict[str, float]:
    """Of the samples inside the engine, by kernel. ``script`` is what `perf script -F ip,sym,dso` prints: a line a
    sample, such as "  7f12 shoal::x86_64_v4::sgd_step(...) (/path/_native.so)"."""
    found: dict[str, int] = {}
    for line in script.splitlines():
        address, _, rest = line.strip().partition(" ")
        symbol, _, library = rest.rpartition(" (")
        if address and "_native" in library:
            name = kernel(symbol)
            found[name] = found.get(name, 0) + 1
    total = sum(found.values())
    return {name: found[name] / total for name in (*KERNELS, REST) if name in found}


def profiles(data_path: str | None) -> dict[str, dict[str, float]] | None:
    """By model at the smaller batch, and for MLP-256 with Adam; None where there is no `perf` that may sample."""
    if which("perf") is None:
        return None
    sys.path.insert(0, str(ROOT / "tests"))
    from builds import compile_build

    folder = compile_build("symbols")
    found = {}
    for model, optimizer in [*((name, "SGD") for name in MODELS), ("mlp-256", "Adam")]:
        train = [sys.executable, __file__, "--train", model, optimizer]
        train += ["--data", data_path] if data_path else []
        sampled = _perf(train, os.environ | {"PYTHONPATH": str(folder)})
        if not sampled:
            return None
        found[model if optimizer == "SGD" else f"{model}/{optimizer}"] = sampled
    return found


def _perf(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        to = f"{scratch}/perf.data"
        record = ["perf", "record", "--quiet", "-e", "cpu-clock", "-F", str(HERTZ), "-o", to, *command]
        if subprocess.run(record, env=environment, capture_output=True, check=False).returncode:
            return {}
        listing = ["perf", "script", "-F", "ip,sym,dso", "-i", to]
        return shares(subprocess.run(listing, capture_output=True, text=True, check=True).stdout)


# ---- all of it ----------------------------------------------------------------------------------------


def measure(data: Dataset, data_path: str | None) -> dict[str, Any]:
    """Everything that is not known from shapes."""
    found: dict[str, dict[str, list[float]]] = {"limits": {}, "seconds": {}, "optimizers": {}}

    def add(kind: str, name: str, value: float) -> None:
        found[kind].setdefault(name, []).append(value)

    for _ in range(ROUNDS):
        for name, value in limits_of_a_core().items():
            add("limits", name, value)
        for model, batch in product(MODELS, BATCHES):
            add("seconds", f"{model}/{batch}", epochs(model, batch, data, EPOCHS[model]))
        for name, optimizer in OPTIMIZERS.items():
            add("optimizers", name, epochs("mlp-256", BATCHES[0], data, EPOCHS["mlp-256"], optimizer))
    return {
        "schema": 1,
        "date": f"{date.today():%-d %B %Y}",
        **published_provenance(NativeEngine(1)),
        "data": data.name,
        "images": len(data.train),
        "second_level_kib": second_level(),
        "limits": {name: max(each) for name, each in found["limits"].items()},
        "seconds": {name: min(each) for name, each in found["seconds"].items()},
        "optimizers": {name: min(each) for name, each in found["optimizers"].items()},
        "sampled": profiles(data_path),
    }


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="where the data set is")
    parser.add_argument("--page", action="store_true", help="write docs/performance.md and docs/roofline.json")
    parser.add_argument("--limits", action="store_true", help="print only what NumPy reaches in this process")
    parser.add_argument("--train", nargs=2, metavar=("MODEL", "OPTIMIZER"), help="only train: what is sampled")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    if options.limits:
        print(json.dumps(limits()))
        return 0
    if (chosen_set := NativeEngine(1).instruction_set) != COUNTED:
        print(f"roofline: the blocks counted are those of {COUNTED}, but {chosen_set} would be timed.", file=sys.stderr)
        return 1
    try:
        data = cut(load("fashion-mnist", options.data, insist=True), None)
        if options.train:
            model, optimizer = options.train
            chosen = None if optimizer == "SGD" else OPTIMIZERS[optimizer]
            epochs(model, BATCHES[0], data, SAMPLED[model], chosen)
            return 0
        facts = measure(data, options.data)
    except ShoalError as error:
        print(f"roofline: {error}", file=sys.stderr)
        return error.exit_code
    print(roofline_page.section(facts))
    if options.page:
        roofline_page.publish(facts, DOCS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
