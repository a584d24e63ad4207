# SPDX-License-Identifier: Apache-2.0
"""The others: each a script in `twins/`, run by a Python that has what it needs, in a process of its own.

A peer is asked in JSON lines; images, weights and orders go over as files. One that cannot run, since something is
not installed or breaks, says why, and is left out.
"""

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from shoal.errors import ShoalError

TWINS = Path(__file__).with_name("twins")
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
USUAL_PYTHON = Path(".venv-bench/bin/python")
PATIENCE = 10.0
"""Seconds a process gets to end by itself."""


class PeerError(ShoalError):
    """A peer that could not do what it was asked."""


class Kind(NamedTuple):
    """What a peer is called and how it trains."""

    title: str
    script: str
    ensemble: bool = False
    """Trains as many models at once as runs are in flight; others train one, and their time stands beside all."""
    per_core: bool = False
    """Trains one model a core at once: beside fewer runs than cores it has no place."""
    best_loop: bool = False
    """One of the loops over images in memory that a ratio is promised against."""


PEERS = {
    "pytorch": Kind("PyTorch loop", "pytorch_loop.py", best_loop=True),
    "pytorch-processes": Kind("PyTorch, a process a core", "pytorch_processes.py", per_core=True, best_loop=True),
    "pytorch-dataloader": Kind("PyTorch with DataLoader", "pytorch_dataloader.py"),
    "pytorch-compile": Kind("torch.compile", "pytorch_compile.py"),
    "pytorch-vmap": Kind("torch.func vmap", "pytorch_vmap.py", ensemble=True),
    "jax-scan": Kind("JAX jit and scan", "jax_scan.py"),
    "jax-vmap": Kind("JAX vmap", "jax_vmap.py", ensemble=True),
    "keras": Kind("Keras 3 on JAX", "keras_fit.py"),
    "sklearn": Kind("scikit-learn", "sklearn_mlp.py"),
}


class Answer(NamedTuple):
    """One epoch: seconds per model, scaled to all images, and the step losses of the first model."""

    seconds: float
    losses: list[float]


class Peer:
    """A twin that runs: a context manager, which ends it.

    Args:
        id: a key of `PEERS`.
        python: the interpreter that has what the twin needs.
        images: the file with ``images`` and ``labels``.
        cores: how many threads it may use.
        twins: the folder of the scripts.

    Raises:
        PeerError: it does not run; the message ends with its own last words.
    """

    def __init__(self, id: str, python: Path, images: Path, cores: int, twins: Path = TWINS) -> None:
        self.id, self.kind, self.cores = id, PEERS[id], cores
        self._given = images.with_name(f"{id}.npz")
        self._errors = images.with_name(f"{id}.txt")
        command = [str(python), str(twins / self.kind.script), str(images), str(cores)]
        with self._errors.open("w") as errors:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
                )
            except OSError as reason:
                raise PeerError(f"{self.kind.title}: {python} cannot be run: {reason.strerror}") from None
        try:
            about = self._answer()
        except PeerError:
            self.close()
            raise
        self.version: str = about["version"]
        self.models: list[str] = about["models"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No more questions: it ends by itself, or is ended."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with suppress(BrokenPipeError):  # a question that nobody read
                    stream.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stands_beside(self, in_flight: int) -> bool:
        """Whether comparing with it makes sense for so many runs."""
        return in_flight >= (2 if self.kind.ensemble else self.cores if self.kind.per_core else 1)

    def epoch(
        self,
        model: str,
        batch: int,
        lrs: list[float],
        order: np.ndarray,
        weights: dict[str, np.ndarray],
        *,
        most: int,
        losses: bool = False,
    ) -> Answer:
        """Train an epoch of as many models as it trains at once.

        Args:
            most: images times models; of a longer epoch only the first minibatches are trained.

        Raises:
            PeerError: it ended without an answer.
        """
        rates = lrs if self.kind.ensemble else lrs[:1]
        whole = most // len(rates) if self.kind.ensemble else len(order)
        part = order if len(order) <= whole else order[: max(whole // batch, 1) * batch]
        np.savez(self._given, order=part, **weights)  # type: ignore[arg-type]
        request = {"model": model, "batch": batch, "lrs": rates, "losses": losses, "given": str(self._given)}
        answer = self._ask(request)
        return Answer(answer["seconds"] / len(rates) * len(order) / len(part), answer["losses"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # then it has ended, and there will be no answer
            print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        """Its next line of JSON; what a library prints beside it is passed over."""
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)  # type: ignore[no-any-return]
        words = self._errors.read_text(errors="replace").strip().splitlines()
        raise PeerError(f"{self.kind.title}: {words[-1] if words else 'it ended without a word'}")
