# SPDX-License-Identifier: Apache-2.0
"""Shoal beside a PyTorch loop on the same cores: `make bench`.

Both train the same epoch from the same weights in the same order; first their step losses are compared, then
they are timed in turn, round after round, and the median of the paired ratios is printed. PyTorch trains one
model with all cores; Shoal trains as many models as there are cores, and its time is per model. Evaluation is
left out on both sides. Nothing else should run on the machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from shoal import streams
from shoal.data import Dataset, load
from shoal.engines.native import NativeEngine
from shoal.models import Model, lenet, mlp, softmax_regression
from shoal.optimizers import SGD
from shoal.provenance import machine
from shoal.study import Config, Run

MODELS: dict[str, Model] = {
    "softmax": softmax_regression(),
    "mlp-256": mlp(256),
    "lenet": lenet("sigmoid", "avg"),
    "lenet-relu-max": lenet("relu", "max"),
}
TARGETS = {"softmax": 5.0, "mlp-256": 1.2, "lenet": 3.0, "lenet-relu-max": 3.0}
"""How many times as fast as the loop Shoal is to be at batch 128 and 256."""
LR = 0.1
MARKS = ("<!-- measured -->", "<!-- end -->")


class Peer:
    """The PyTorch loop in a process of its own."""

    def __init__(self, python: str, threads: int, data: Dataset, folder: Path) -> None:
        self.given = folder / "given.npz"
        np.savez(folder / "data.npz", images=data.train.images, labels=data.train.labels)
        command = [python, str(Path(__file__).with_name("torch_loop.py")), str(folder / "data.npz"), str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self._answer()

    def epoch(self, name: str, config: Config, count: int) -> dict[str, Any]:
        weights = streams.initial_weights(config.model, config.init, 0)
        np.savez(self.given, order=streams.order(count, 0, 0), **weights)
        request = {"model": name, "given": str(self.given), "batch": config.batch_size, "lr": LR}
        assert self.process.stdin
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the PyTorch side ended without an answer; its message stands above")
        return json.loads(line)


def shoal_epoch(engine: NativeEngine, config: Config, data: Dataset) -> dict[str, Any]:
    """As many models as threads, one epoch; seconds per model, and the step losses of seed 0."""
    runs = [Run(config, seed) for seed in range(engine.threads)]
    records = [record for record in engine.train(runs, {data.name: data}) if record.epoch]
    first = next(record for record in records if record.run.seed == 0)
    seconds = statistics.mean(record.seconds for record in records) / engine.threads
    return {"seconds": seconds, "losses": first.step_losses.tolist()}


def compare(engine: NativeEngine, peer: Peer, name: str, batch: int, rounds: int, data: Dataset) -> dict[str, Any]:
    config = Config(data=data.name, model=MODELS[name], optimizer=SGD(lr=LR), epochs=1, batch_size=batch)
    ours, theirs = shoal_epoch(engine, config, data), peer.epoch(name, config, len(data.train))
    early = np.abs(np.subtract(ours["losses"], theirs["losses"]))[:20].max()
    whole = abs(np.mean(ours["losses"]) - np.mean(theirs["losses"]))
    if early > 1e-3 or whole > 0.02:
        sys.exit(f"{name}, batch {batch}: the two sides differ (first steps by {early:.1e}, the epoch by {whole:.1e})")
    pairs = []
    for _ in range(rounds):
        ours, theirs = shoal_epoch(engine, config, data), peer.epoch(name, config, len(data.train))
        pairs.append((ours["seconds"], theirs["seconds"]))
    ratios = [there / here for here, there in pairs]
    here = statistics.median(seconds for seconds, _ in pairs)
    return {
        "model": name,
        "batch": batch,
        "in_flight": engine.threads,
        "shoal_s": here,
        "peer": peer.about["peer"],
        "peer_s": statistics.median(seconds for _, seconds in pairs),
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "target": TARGETS[name] if batch >= 128 else None,
        "gflops": MODELS[name].training_flops * len(data.train) / here / 1e9,
        "n": rounds,
    }


def table(facts: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown, under a line that says where they were measured."""
    lines = [
        f"{date.today():%-d %B %Y}, {facts['processor']}, {facts['cores']} cores, {facts['instruction_set']}, beside "
        f"{rows[0]['peer']}; medians of {rows[0]['n']} rounds.\n",
        "| model | batch | Shoal, s per epoch and model | PyTorch, s per epoch | PyTorch / Shoal | range | to reach |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{row['ratio_low']:.1f}–{row['ratio_high']:.1f}"
        target = row["target"] or "–"
        times = f"{row['shoal_s']:.3f} | {row['peer_s']:.3f} | {row['ratio']:.1f}"
        lines.append(f"| {row['model']} | {row['batch']} | {times} | {spread} | {target} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=".venv-bench/bin/python", help="a Python that has PyTorch")
    parser.add_argument("--data", help="where Fashion-MNIST is; otherwise wherever it is found, or the stand-in")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 256])
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--page", type=Path, help="write the table into this Markdown page, between its marks")
    options = parser.parse_args()
    data, engine = load("fashion-mnist", options.data), NativeEngine()
    facts = machine() | {"cores": engine.threads, "instruction_set": engine.instruction_set}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(options.peer, engine.threads, data, Path(folder))
        if not options.json:
            print(f"{peer.about['peer']} on {engine.threads} cores; Shoal {engine.instruction_set}; {data.name}")
            print(f"{'model':<16}{'batch':>6}{'Shoal':>9}{'PyTorch':>9}{'ratio':>8}   range         to reach  GFLOP/s")
        for name in MODELS:
            for batch in options.batches:
                rows.append(row := compare(engine, peer, name, batch, options.rounds, data))
                if not options.json:
                    target = f"{row['target']:.1f}" if row["target"] else "–"
                    print(
                        f"{name:<16}{batch:>6}{row['shoal_s']:>8.3f}s{row['peer_s']:>8.3f}s{row['ratio']:>7.1f}x"
                        f"   {row['ratio_low']:.1f} to {row['ratio_high']:.1f}{target:>12}{row['gflops']:>9.0f}",
                        flush=True,
                    )
    if options.json:
        print(json.dumps({"schema": 1, "machine": facts, "data": data.name, "rows": rows}))
    if options.page:
        before, _, rest = options.page.read_text().partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        options.page.write_text(f"{before}{MARKS[0]}\n{table(facts, rows)}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
