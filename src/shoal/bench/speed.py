# SPDX-License-Identifier: Apache-2.0
"""Seconds per epoch and model, Shoal's and the peers', in turn and in pairs. Nothing is timed that does not agree.

Shoal is handed so many runs at once, and its time is the wall time until the last has ended, start included, over
their number. The runs are a sweep: one seed, learning rates a little apart, so that an ensemble may gather the images
once for all its models. Validation is left out on both sides (Shoal's is given sixteen images).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import inf
from statistics import median
from time import monotonic, perf_counter, sleep

import numpy as np

from shoal import streams
from shoal.bench import MODELS, OF_THE_PEAK, RATES, TIMES, Extent, Row
from shoal.bench.peers import Answer, Peer, PeerError
from shoal.data import Dataset, Split
from shoal.engines.native import NativeEngine
from shoal.optimizers import SGD
from shoal.study import Config, Run

FIRST_STEPS, STEP_TOLERANCE, MEAN_TOLERANCE = 20, 1e-3, 0.02
"""How close the losses of the first steps, and the epoch's mean, must be: rounding grows as training goes on."""
NEIGHBOURS, TIMES_ROUNDING = 3, 3.0
"""Where rounding alone carries Shoal itself further, seen at so many learning rates on either side that are one float32
apart, others may be so many times as far away: some networks leave their plateau on a knife's edge."""
VALIDATED = 16

Say = Callable[[str], None]


QUIET = 0.3
"""Seconds before Shoal's turn: the threads of whoever was timed before it go on spinning for a while."""


def cut(data: Dataset, images: int | None, validated: int = VALIDATED) -> Dataset:
    """The first so many training images, all if None, and the first few to validate on."""
    train = Split(data.train.images[:images], data.train.labels[:images])
    return replace(data, train=train, test=Split(data.test.images[:validated], data.test.labels[:validated]))


def sweep(data: Dataset, model: str, batch: int, count: int) -> list[Config]:
    """Configs that differ in learning rate, by at most a half."""
    rates = [RATES[model] * (1 - index / (2 * count)) for index in range(count)]
    return [
        Config(data=data.name, model=MODELS[model], optimizer=SGD(lr=lr), epochs=1, batch_size=batch) for lr in rates
    ]


def train(engine: NativeEngine, configs: Sequence[Config], data: Dataset) -> tuple[float, np.ndarray]:
    """Seconds per run, and the step losses of the first."""
    runs = [Run(config, 0) for config in configs]
    sleep(QUIET)
    start = perf_counter()
    records = list(engine.train(runs, {data.name: data}))
    seconds = (perf_counter() - start) / len(runs)
    return seconds, next(record.step_losses for record in records if record.epoch and record.run == runs[0])


def neighbours(engine: NativeEngine, config: Config, data: Dataset) -> list[np.ndarray]:
    """Step losses at the learning rates nearest to a config's: the same training, but for rounding."""
    rates = [np.float32(config.optimizer.lr)] * 2
    runs = []
    for _ in range(NEIGHBOURS):
        rates = [np.nextafter(rate, np.float32(to)) for rate, to in zip(rates, (0, inf), strict=True)]
        runs += [Run(config.replace(optimizer=SGD(lr=float(rate))), 0) for rate in rates]
    return [record.step_losses for record in engine.train(runs, {data.name: data}) if record.epoch]


def difference(ours: np.ndarray, theirs: Sequence[float], rounded: Sequence[np.ndarray] = ()) -> str:
    """What keeps the two from being the same computation, or "".

    Args:
        ours: step losses of Shoal.
        theirs: of a peer, perhaps of fewer steps.
        rounded: of Shoal again, where only rounding differs.
    """
    if not theirs:
        return "it told no losses"
    first, mean = _apart(ours, np.asarray(theirs))
    of_rounding = np.max([_apart(ours[: len(theirs)], other) for other in rounded], axis=0, initial=0.0)
    near, on_average = np.maximum((STEP_TOLERANCE, MEAN_TOLERANCE), TIMES_ROUNDING * of_rounding)
    if first <= near and mean <= on_average:
        return ""
    return (
        f"losses of the first steps differ by {first:.1e} (at most {near:.1e}), "
        f"the epoch's mean by {mean:.1e} (at most {on_average:.1e})"
    )


def _apart(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The most of the first steps, and the means, over as many steps as both have."""
    length = min(len(one), len(other))
    one, other = one[:length], other[:length]
    return float(np.abs(one - other)[:FIRST_STEPS].max()), float(abs(one.mean() - other.mean()))


@dataclass
class Cell:
    """One model at one batch size: everybody's times, round by round."""

    model: str
    batch: int
    shoal: dict[int, list[float]] = field(default_factory=dict)
    """By runs in flight."""
    peers: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    """By peer and models at once, 1 for those that train one."""
    refused: list[str] = field(default_factory=list)
    """Peers that computed something else, in words."""


class Bench:
    """Shoal and the peers that run, on one data set.

    Args:
        data: with all its images; cut by ``extent``.
        peers: started; whoever started them ends them.
    """

    def __init__(self, engine: NativeEngine, data: Dataset, peers: Sequence[Peer], extent: Extent) -> None:
        self.engine, self.peers, self.extent = engine, peers, extent
        self.data = cut(data, extent.images)
        self.scale = len(data.train) / len(self.data.train)
        self._until = inf
        self.order = streams.order(len(self.data.train), 0, 0)

    def cells(self, say: Say) -> Iterator[Cell]:
        """Measure model by model, batch size by batch size, until all is done or time is up."""
        self._until = monotonic() + (self.extent.seconds or inf)
        for model in self.extent.models:
            for batch in self.extent.batches:
                if monotonic() > self._until:
                    say(f"{model}, batch {batch}: left out, since {self.extent.seconds:.0f} s are over")
                else:
                    yield self._cell(model, batch, say)

    def _cell(self, model: str, batch: int, say: Say) -> Cell:
        cell = Cell(model, batch)
        agreed = self._agreed(cell, say)
        for turn in range(self.extent.rounds):
            if turn and monotonic() > self._until:
                break
            say(f"{model}, batch {batch}: round {turn + 1} of {self.extent.rounds}")
            for count in self.extent.in_flight:
                seconds, _ = train(self.engine, sweep(self.data, model, batch, count), self.data)
                cell.shoal.setdefault(count, []).append(seconds * self.scale)
            for peer, count in list(agreed):
                try:
                    seconds = self._ask(peer, model, batch, count).seconds
                except PeerError as reason:
                    agreed.remove((peer, count))
                    cell.refused.append(str(reason))
                    continue
                cell.peers.setdefault((peer.id, count), []).append(seconds * self.scale)
        return cell

    def _agreed(self, cell: Cell, say: Say) -> list[tuple[Peer, int]]:
        """Who reaches the same losses, and with how many models at once. It warms everybody up, too."""
        (config,) = sweep(self.data, cell.model, cell.batch, 1)
        _, ours = train(self.engine, [config], self.data)
        rounded = neighbours(self.engine, config, self.data)
        agreed = []
        for peer in self.peers:
            if cell.model not in peer.models:
                continue
            for count in self._counts(peer):
                say(f"{cell.model}, batch {cell.batch}: does {peer.kind.title} compute the same?")
                try:
                    losses = self._ask(peer, cell.model, cell.batch, count, losses=True).losses
                    wrong = difference(ours, losses, rounded)
                    self._ask(peer, cell.model, cell.batch, count)
                except PeerError as reason:
                    cell.refused.append(str(reason))
                    break
                if wrong:
                    cell.refused.append(f"{peer.kind.title}, {cell.model}, batch {cell.batch}: {wrong}; not timed")
                else:
                    agreed.append((peer, count))
        return agreed

    def _counts(self, peer: Peer) -> list[int]:
        fitting = [count for count in self.extent.in_flight if peer.stands_beside(count)]
        return fitting if peer.kind.ensemble else [1] * bool(fitting)

    def _ask(self, peer: Peer, model: str, batch: int, count: int, losses: bool = False) -> Answer:
        configs = sweep(self.data, model, batch, count)
        weights = streams.initial_weights(MODELS[model], configs[0].init, 0)
        lrs = [config.optimizer.lr for config in configs]
        return peer.epoch(model, batch, lrs, self.order, weights, most=self.extent.at_once, losses=losses)


def rows(cell: Cell, peers: Sequence[Peer], images: int, peak: float) -> list[Row]:
    """The cell's lines: Shoal beside every peer that was timed, or alone if none was.

    Args:
        images: of a whole epoch.
        peak: GFLOP/s.
    """
    lines = []
    work = MODELS[cell.model].training_flops * images / 1e9
    for count, ours in cell.shoal.items():
        middle = median(ours)
        alone = Row(
            *(cell.model, cell.batch, count, middle, None, None, None, work / middle / peak, len(ours)),
            peak_goal=OF_THE_PEAK.get(cell.model),
        )
        beside = [
            _beside(alone, peer, ours, cell.peers[peer.id, count if peer.kind.ensemble else 1])
            for peer in peers
            if peer.stands_beside(count) and (peer.id, count if peer.kind.ensemble else 1) in cell.peers
        ]
        lines += beside or [alone]
    return lines


def _beside(alone: Row, peer: Peer, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    ratios = [there / here for here, there in zip(ours, theirs, strict=False)]
    return replace(
        alone,
        peer=peer.kind.title,
        peer_s=median(theirs),
        ratio=median(ratios),
        ratio_low=min(ratios),
        ratio_high=max(ratios),
        n=len(ratios),
        goal=TIMES[alone.model].get(alone.batch) if peer.kind.best_loop else None,
    )


def start(ids: Sequence[str], open_peer: Callable[[str], Peer], stack: ExitStack, say: Say) -> list[Peer]:
    """Those peers that run, for as long as ``stack`` lasts; of the others it is said why they do not."""
    running = []
    for id in ids:
        try:
            running.append(stack.enter_context(open_peer(id)))
        except PeerError as reason:
            say(f"left out: {reason}")
    return running
