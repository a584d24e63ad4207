# SPDX-License-Identifier: Apache-2.0
"""What runs take of memory, in a process that does nothing else: `python -m shoal.bench.memory MODEL RUNS` trains so
many at once, each on a thread of its own, and prints the most memory the process ever had, in bytes."""

import re
import subprocess
import sys
from pathlib import Path

from shoal.bench import MODELS

BATCH, EPOCHS = 256, 2
IMAGES = 4 * BATCH


def of(model: str, runs: int) -> int:
    """Bytes, by asking such a process."""
    command = [sys.executable, "-m", "shoal.bench.memory", model, str(runs)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(model: str, runs: int) -> None:
    """Train on noise, which takes as much memory as anything, and print the most that was taken."""
    import numpy as np

    from shoal.data import from_arrays
    from shoal.engines.native import NativeEngine
    from shoal.optimizers import SGD
    from shoal.study import Config, Run

    noise = np.random.Generator(np.random.Philox(0)).integers(0, 256, (IMAGES, 28, 28), np.uint8)
    data = from_arrays(noise, np.arange(IMAGES) % 10, [str(digit) for digit in range(10)])
    optimizer = SGD(lr=1e-3)
    config = Config(data=data.name, model=MODELS[model], optimizer=optimizer, epochs=EPOCHS, batch_size=BATCH)
    for _ in NativeEngine(threads=runs).train([Run(config, seed) for seed in range(runs)], {data.name: data}):
        pass
    print(_most())


def _most() -> int:
    """Bytes. Linux counts a process's own in its status; what `getrusage` says there begins with its parent's."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (most,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(most)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
