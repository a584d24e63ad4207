# SPDX-License-Identifier: Apache-2.0
"""The same loop as `pytorch_loop.py`, in one process a core with one thread each, as one trains many models on a CPU:
small tensors gain little from a second thread, a second process gains it all."""

import multiprocessing
import time
from multiprocessing.connection import Connection

import torch
from pytorch_loop import train
from serve import Request, given, serve
from torch_models import MODELS

_, _, cores = given()


def work(pipe: Connection) -> None:
    """Train what comes, until the pipe is closed."""
    while request := pipe.recv():
        pipe.send(train(request, threads=1))


def epoch(request: Request) -> tuple[float, list[float]]:
    start = time.perf_counter()
    for pipe in pipes:
        pipe.send(request)
    answers = [pipe.recv() for pipe in pipes]
    return (time.perf_counter() - start) / cores, answers[0][1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    started = multiprocessing.get_context("fork")
    pipes = []
    for _ in range(cores):
        here, there = started.Pipe()
        started.Process(target=work, args=(there,), daemon=True).start()
        pipes.append(here)
    serve(f"PyTorch {torch.__version__}", epoch, list(MODELS))
