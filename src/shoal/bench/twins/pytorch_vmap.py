# SPDX-License-Identifier: Apache-2.0
"""An ensemble as `torch.func` has it: the models' weights stacked, `vmap` over the gradient of a functional call.

All models see the same minibatch, each with a learning rate of its own, so that images are gathered once for all.
"""

import time

import torch
from serve import Request, given, serve
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn.functional import cross_entropy
from torch_models import MODELS, model_of

images, labels, cores = given()
images, labels = torch.from_numpy(images), torch.from_numpy(labels)


def epoch(request: Request) -> tuple[float, list[float]]:
    models = [model_of(request.model, request.weights) for _ in request.lrs]
    skeleton = models[0].to("meta")
    models[0] = model_of(request.model, request.weights)
    parameters, _ = stack_module_state(models)
    parameters = {name: value.detach() for name, value in parameters.items()}
    lrs = torch.tensor(request.lrs)
    rates = {name: lrs.view(-1, *[1] * (value.dim() - 1)) for name, value in parameters.items()}

    def loss_of(weights: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(functional_call(skeleton, weights, (x,)), y)

    ensemble = vmap(grad_and_value(loss_of), in_dims=(0, None, None))
    losses = []
    start = time.perf_counter()
    for batch in torch.from_numpy(request.order).split(request.batch):
        gradients, loss = ensemble(parameters, images[batch], labels[batch])
        for name, value in parameters.items():
            value.sub_(gradients[name].mul_(rates[name]))
        losses.append(loss)
    seconds = time.perf_counter() - start
    return seconds, torch.stack(losses)[:, 0].tolist()


if __name__ == "__main__":
    torch.set_num_threads(cores)
    serve(f"PyTorch {torch.__version__}", epoch, list(MODELS))
