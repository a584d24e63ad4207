# SPDX-License-Identifier: Apache-2.0
"""The section "Where the time goes" of docs/performance.md: tables and sentences from `counts` and from what `roofline`
measured. Nothing is measured here, and no number of a machine is typed in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counts import FORWARD, INPUT, TILE, WEIGHT, Work, tiles_together, traffic, weights, work

from shoal import files
from shoal.bench import MODELS, TITLES
from shoal.wording import count, listed, percent

MARKS = ("<!-- roofline -->", "<!-- roofline end -->")
FLOPS = 2 * TILE
"""Of a vector multiply-add."""
MOMENTS = {"SGD": 0, "momentum": 1, "Adagrad": 1, "Adam": 2}
"""Arrays as large as the weights that an optimizer keeps."""
ROOTS = ("Adagrad", "Adam")
SHORT = {**TITLES, "lenet": "LeNet with sigmoids", "lenet-relu-max": "LeNet with ReLU"}
"""Within a sentence."""
SMALL, PADDED, UPDATED = 32, "softmax", "mlp-256"
BOUNDS = ("multiply-adds", "loads", "second-level cache")
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Bound:
    """Seconds of an epoch if nothing but one thing took time, and what was measured."""

    model: str
    batch: int
    multiply_adds: float
    loads: float
    cache: float
    step_bytes: int
    measured: float

    @property
    def highest(self) -> str:
        each = (self.multiply_adds, self.loads, self.cache)
        return BOUNDS[each.index(max(each))]

    @property
    def reached(self) -> float:
        return self.multiply_adds / self.measured


def bounds(facts: Facts) -> list[Bound]:
    """Of every model and batch size. A core starts as many loads as multiply-adds, so both have one rate."""
    images, limits = facts["images"], facts["limits"]
    found = []
    for name, measured in facts["seconds"].items():
        model, batch = name.split("/")[0], int(name.split("/")[1])
        steps, rest = divmod(images, batch)
        products, tiles = work(MODELS[model]), steps * -(-batch // TILE) + -(-rest // TILE)
        moved = steps * traffic(MODELS[model], batch) + (traffic(MODELS[model], rest) if rest else 0)
        done, loads = (_seconds(facts, tiles * sum(each)) for each in _done_and_loads(products))
        whole = traffic(MODELS[model], batch)
        found.append(Bound(model, batch, done, loads, moved / limits["second_level_gbs"] / 1e9, whole, measured))
    return found


def section(facts: Facts) -> str:
    """All between the marks."""
    found = bounds(facts)
    parts = [
        _about(facts),
        "### What the shapes ask for\n",
        "Vector multiply-adds for a tile of sixteen examples, as the register blocks execute them, and the loads "
        "inside the blocks. Blocks that overlap and outputs filled up to sixteen come on top of what is needed; rows "
        "of a kernel outside the image are left out.\n",
        _shapes(),
        _padding(),
        "### What that costs at least, and what is measured\n",
        "An epoch on one core, in ms. Multiply-adds at the rate of the matrix product; loads at the same rate, since a "
        "core starts as many; bytes as if the first-level cache kept nothing from kernel to kernel but what it can "
        "hold. The last column is the share of the matrix product's rate that all executed multiply-adds reach.\n",
        _bounds(found),
        _bounded(found),
        *_sampled(facts, found),
        "### What Adam costs\n",
        _updates(facts),
        _adam(facts),
    ]
    return "\n".join(parts).rstrip() + "\n"


def publish(facts: Facts, folder: Path) -> None:
    """The JSON, and the page between its marks."""
    page = folder / "performance.md"
    before, rest = page.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    files.write(page, f"{before}{MARKS[0]}\n{section(facts)}{MARKS[1]}{after}".encode())
    files.write(folder / "roofline.json", (json.dumps(facts, indent=1) + "\n").encode())


# ---- tables -------------------------------------------------------------------------------------------


def _about(facts: Facts) -> str:
    limits = facts["limits"]
    return (
        f"{facts['date']}, one core of {facts['machine']['processor']}, {facts['engine']['instruction_set']}, "
        f"{facts['images']:,} images of {facts['data']}; the fastest of several epochs in turn. In the same run "
        f"NumPy's float32 matrix product on one core reaches {limits['peak_gflops']:.0f} GFLOP/s, which is "
        f"{limits['peak_gflops'] / FLOPS:.1f} vector multiply-adds a nanosecond, and an array in the second-level "
        f"cache is read and written with {limits['second_level_gbs']:.0f} GB/s. `benchmarks/roofline.py` writes this "
        "section; every number: [roofline.json](roofline.json).\n"
    )


def _shapes() -> str:
    body = []
    for name, model in MODELS.items():
        products = work(model)
        by = {kind: sum(one.done for one in products if one.product == kind) for kind in (FORWARD, INPUT, WEIGHT)}
        done, loads = (sum(each) for each in _done_and_loads(products))
        needed = sum(one.needed for one in products)
        cells = [f"{needed:,}", *(f"{number:,}" for number in by.values()), f"{loads / done:.2f}"]
        body.append([TITLES[name], *cells])
    return _table(["model", "needed", FORWARD, INPUT, WEIGHT, "loads for each"], body)


def _bounds(found: Sequence[Bound]) -> str:
    body = []
    for one in found:
        each = [_ms(seconds) for seconds in (one.multiply_adds, one.loads, one.cache, one.measured)]
        body.append([TITLES[one.model], str(one.batch), *each, percent(one.reached)])
    return _table(["model", "batch", *BOUNDS, "measured", "reached"], body)


def _updates(facts: Facts) -> str:
    body = []
    for name, seconds in facts["optimizers"].items():
        divided = f"{weights(MODELS[UPDATED]) // TILE:,}" if name in ROOTS else "–"
        beside = facts["optimizers"]["SGD"]
        body.append([name, f"{_moved(name) / 1e6:.1f}", divided, _ms(seconds), f"{seconds / beside:.2f}"])
    head = ["optimizer", "MB moved a step", "roots and divisions a step", "ms per epoch", "beside SGD"]
    return _table(head, body)


def _sampled(facts: Facts, found: Sequence[Bound]) -> list[str]:
    sampled, title = facts["sampled"], "### Which kernels take it\n"
    if sampled is None:
        return [title, "Nothing was sampled: `perf` is missing on this machine, or may not sample.\n"]
    kernels = list(dict.fromkeys(kernel for shares in sampled.values() for kernel in shares))
    kernels.sort(key=lambda kernel: kernel == "the rest")
    body = []
    for name, shares in sampled.items():
        model, _, optimizer = name.partition("/")
        cells = [percent(shares[kernel]) if kernel in shares else "–" for kernel in kernels]
        body.append([f"{TITLES[model]}{f', {optimizer}' if optimizer else ''}", *cells])
    told = (
        f"Samples of the clock inside the engine at batch {SMALL}, taken by `perf` in a build that keeps the names of "
        "its functions. They are no hardware counters, which virtual machines seldom have and which are not asked for."
    )
    return [title, f"{told}\n", _table(["model", *kernels], body), _whole(facts, found)]


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body)) + "\n"


# ---- sentences ----------------------------------------------------------------------------------------


def _padding() -> str:
    """What the panels of sixteen outputs add to the model that has few."""
    gradient = next(one for one in work(MODELS[PADDED]) if one.product == WEIGHT)
    alone = [name for name, model in MODELS.items() if tiles_together(model) == 1]
    narrow = [one for one in work(MODELS[alone[0]]) if one.loads > one.done]
    share = sum(one.done for one in narrow) / sum(one.done for one in work(MODELS[alone[0]]))
    return (
        f"The weight gradient of {TITLES[PADDED]} is a panel of {TILE} outputs for {MODELS[PADDED].classes} classes, "
        f"{percent(gradient.done / gradient.needed - 1)} more than needed, with {gradient.loads / gradient.done:.2f} "
        f"loads for each multiply-add: one panel leaves little to share. In LeNet tiles go through alone, and the "
        f"{count(len(narrow), 'product')} with more loads than multiply-adds, all of linear layers, are "
        f"{percent(share)} of its multiply-adds.\n"
    )


def _bounded(found: Sequence[Bound]) -> str:
    sentences = []
    for bound in BOUNDS:
        models = [name for name in MODELS if {one.highest for one in found if one.model == name} == {bound}]
        if not models:
            continue
        titles = "all models" if len(models) == len(MODELS) else listed([SHORT[name] for name in models])
        told = f"**{bound.capitalize()} {'sets' if bound == BOUNDS[2] else 'set'} the highest bound for {titles}.**"
        rest = [one for one in found if one.model in models and one.model != PADDED]
        if rest and bound == BOUNDS[0]:
            following = percent(max(max(_others(one)) for one in rest))
            told += (
                f" Except for {SHORT[PADDED]}, the next bound is at most {following} of it. Of the matrix product's "
                f"rate {_reached(rest)}."
            )
        sentences.append(told)
    changing = [name for name in MODELS if len({one.highest for one in found if one.model == name}) > 1]
    sentences += [f"For {SHORT[name]} the highest bound changes with the batch size." for name in changing]
    return " ".join(sentences) + "\n"


def _reached(found: Sequence[Bound]) -> str:
    """ "MLP-256 reaches 80% to 85%, LeNet with sigmoids 70%"."""
    each = [
        f"{SHORT[name]} reaches {_range([one.reached for one in found if one.model == name])}"
        for name in dict.fromkeys(one.model for one in found)
    ]
    return listed([each[0], *(one.replace(" reaches", "") for one in each[1:])])


def _others(one: Bound) -> tuple[float, float]:
    return one.loads / one.multiply_adds, one.cache / one.multiply_adds


def _whole(facts: Facts, found: Sequence[Bound]) -> str:
    """Softmax regression's epoch put together from its parts, and what LeNet's is made of."""
    one = next(bound for bound in found if (bound.model, bound.batch) == (PADDED, SMALL))
    products, tiles = work(MODELS[PADDED]), -(-facts["images"] // TILE)
    needed = _seconds(facts, tiles * sum(each.needed for each in products))
    waiting = _seconds(facts, tiles * sum(max(each.loads - each.done, 0) for each in products))
    pixels = facts["sampled"][PADDED].get("pixels", 0) * one.measured
    together = percent((one.multiply_adds + waiting + pixels) / one.measured)
    uses = [sum(each.done for each in work(MODELS[name])) / MODELS[name].shapes()[1][0] for name in (PADDED, UPDATED)]
    return (
        f"**{SHORT[PADDED].capitalize()} is the sum of its parts.** Of its {_ms(one.measured)} ms an epoch at batch "
        f"{SMALL}, the multiply-adds that are needed take {_ms(needed)}, those of the padding "
        f"{_ms(one.multiply_adds - needed)}, loads beyond them {_ms(waiting)}, and making values of pixels "
        f"{_ms(pixels)}, together {together}. A pixel is used for "
        f"{uses[0]:.0f} multiply-adds there, for {uses[1]:.0f} in {SHORT[UPDATED]}. {_lenet(facts['sampled'])}\n"
    )


def _lenet(sampled: Mapping[str, Mapping[str, float]]) -> str:
    def of(model: str, kind: str) -> str:
        return percent(sum(share for kernel, share in sampled[model].items() if kernel.startswith(kind)))

    return (
        f"LeNet's convolutions take {of('lenet', 'convolution')}, its linear layers {of('lenet', 'linear')}, its "
        f"sigmoids {of('lenet', 'activations')}; ReLU takes {of('lenet-relu-max', 'activations')}."
    )


def _adam(facts: Facts) -> str:
    """What it takes more, and whether arrays or arithmetic: momentum moves as much as Adagrad, without its root."""
    seconds, sampled = facts["optimizers"], facts["sampled"]
    steps, bandwidth = -(-facts["images"] // SMALL), facts["limits"]["second_level_gbs"] * 1e9
    more = _moved("Adam") - _moved("SGD")
    array, root = seconds["momentum"] - seconds["SGD"], seconds["Adagrad"] - seconds["momentum"]
    reason = "the arrays" if 2 * array > root else "the root and the division"
    shares = [sampled[name].get("update", 0) for name in (UPDATED, f"{UPDATED}/Adam")] if sampled else []
    extra = f"{more / 1e6:.1f} MB more a step, which is {_ms(steps * more / bandwidth)} ms an epoch"
    told = f", and its update {percent(shares[1])} of the samples instead of {percent(shares[0])}" if shares else ""
    return (
        f"{SHORT[UPDATED]} at batch {SMALL}, where every {SMALL} examples all weights move. Adam takes "
        f"{percent(seconds['Adam'] / seconds['SGD'] - 1)} more than SGD, {_ms(seconds['Adam'] - seconds['SGD'])} ms an "
        f"epoch{told}. It moves {extra} at the rate of the second-level "
        f"cache.{_state(facts['second_level_kib'])} And each vector takes a root and a "
        f"division. The others tell the two apart: one more array is {_ms(array)} ms (momentum beside SGD), a root and "
        f"a division {_ms(root)} (Adagrad beside momentum). So more of it is {reason}.\n"
    )


def _state(kib: int | None) -> str:
    """Whether weights and moments fit into the cache, if its size is known."""
    if kib is None:
        return ""
    state = (1 + MOMENTS["Adam"]) * 4 * weights(MODELS[UPDATED])
    fits = "fit into" if state <= kib * 1024 else "do not fit into"
    return f" Weights, means and squares, {state / 1e6:.1f} MB, {fits} its {kib:,} KiB."


# ---- numbers ------------------------------------------------------------------------------------------


def _done_and_loads(products: Sequence[Work]) -> tuple[list[float], list[float]]:
    return [float(one.done) for one in products], [one.loads for one in products]


def _seconds(facts: Facts, vectors: float) -> float:
    """Of so many multiply-adds at the rate of the matrix product."""
    return float(vectors * FLOPS / facts["limits"]["peak_gflops"] / 1e9)


def _moved(optimizer: str) -> int:
    """Bytes of an update: the gradient read, weights and moments read and written."""
    return (3 + 2 * MOMENTS[optimizer]) * 4 * weights(MODELS[UPDATED])


def _ms(seconds: float) -> str:
    value = 1000 * seconds
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _range(shares: Sequence[float]) -> str:
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low} to {high}"
