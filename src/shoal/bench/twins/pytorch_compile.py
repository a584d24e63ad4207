# SPDX-License-Identifier: Apache-2.0
"""The loop of `pytorch_loop.py` with forward and loss, and with them the gradients, through `torch.compile`, once for
each shape. (A whole step with its update in one graph was tried: no faster, and slower with convolutions.)"""

import time
from collections.abc import Callable

import torch
from serve import Request, given, serve
from torch import nn
from torch_models import MODELS, model_of

images, labels, cores = given()
images, labels = torch.from_numpy(images), torch.from_numpy(labels)
criterion = nn.CrossEntropyLoss()
made: dict[str, tuple[nn.Module, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {}


def compiled(request: Request) -> tuple[nn.Module, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]:
    """The model with its weights set back, and its compiled loss; compiling is not paid for again."""
    fresh = model_of(request.model, request.weights)
    if request.model not in made:
        made[request.model] = fresh, torch.compile(lambda x, y: criterion(fresh(x), y), dynamic=False)
    model, loss_of = made[request.model]
    model.load_state_dict(fresh.state_dict())
    return model, loss_of


def epoch(request: Request) -> tuple[float, list[float]]:
    model, loss_of = compiled(request)
    optimizer = torch.optim.SGD(model.parameters(), lr=request.lrs[0])
    losses = []
    start = time.perf_counter()
    for batch in torch.from_numpy(request.order).split(request.batch):
        optimizer.zero_grad()
        loss = loss_of(images[batch], labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    seconds = time.perf_counter() - start
    return seconds, torch.stack(losses).tolist()


if __name__ == "__main__":
    torch.set_num_threads(cores)
    torch._dynamo.config.recompile_limit = 64
    serve(f"PyTorch {torch.__version__}", epoch, list(MODELS))
