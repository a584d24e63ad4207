# SPDX-License-Identifier: Apache-2.0
"""What this machine's cores reach: the fastest float32 matrix product of a library, on all cores.

NumPy's library is asked in this process, PyTorch's in one of its own, both with square matrices of a few sizes and
several tries; the fastest counts. It is a measured bound and not the processor's nominal one, which clocks and
shared machines make unknowable.
"""

import json
import subprocess
from pathlib import Path
from time import perf_counter

import numpy as np

from shoal.bench.peers import TWINS

SIZES, TRIES = (1024, 2048, 3072), 5


def of_numpy() -> float:
    """GFLOP/s."""
    return max(2 * size**3 / _seconds(size) / 1e9 for size in SIZES)


def of_pytorch(python: Path, cores: int) -> float:
    """GFLOP/s, or 0 where there is no PyTorch."""
    command = [str(python), str(TWINS / "pytorch_peak.py"), str(cores)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0.0
    return float(json.loads(done.stdout)["gflops"])


def _seconds(size: int) -> float:
    """The best of a few products of two square matrices."""
    generator = np.random.Generator(np.random.Philox(0))
    a, b = (generator.random((size, size), np.float32) for _ in range(2))
    out, best = np.empty((size, size), np.float32), float("inf")
    for _ in range(TRIES):
        start = perf_counter()
        np.matmul(a, b, out=out)
        best = min(best, perf_counter() - start)
    return best
