# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's `MLPClassifier` with plain SGD; without a hidden layer it is softmax regression. It has no
convolution. (`SGDClassifier` trains one class against all others image by image, `LogisticRegression` on all images
at once: neither computes the same.)"""

import time

import numpy as np
import sklearn
from serve import Request, given, serve
from sklearn.neural_network import MLPClassifier

images, labels, _ = given()
images = images.reshape(len(images), -1)
HIDDEN: dict[str, tuple[int, ...]] = {"softmax": (), "mlp-256": (256,)}


def classifier(request: Request) -> MLPClassifier:
    """Made ready by a pass over ten images, then set to the weights that are given."""
    plain = {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False, "alpha": 0, "shuffle": False}
    model = MLPClassifier(HIDDEN[request.model], learning_rate_init=request.lrs[0], batch_size=10, **plain)
    model.partial_fit(images[:10], labels[:10], classes=np.arange(10))
    arrays = list(request.weights.values())
    for own, value in zip(model.coefs_ + model.intercepts_, arrays[::2] + arrays[1::2], strict=True):
        own[...] = value.T
    return model


def step_losses(model: MLPClassifier, request: Request) -> list[float]:
    """A call for each minibatch, since scikit-learn tells only the mean loss of a call."""
    losses = []
    for first in range(0, len(request.order), request.batch):
        batch = request.order[first : first + request.batch]
        model.set_params(batch_size=len(batch)).partial_fit(images[batch], labels[batch])
        losses.append(float(model.loss_))
    return losses


def epoch(request: Request) -> tuple[float, list[float]]:
    model = classifier(request)
    start = time.perf_counter()
    if request.losses:
        losses = step_losses(model, request)
        return time.perf_counter() - start, losses
    model.set_params(batch_size=request.batch).partial_fit(images[request.order], labels[request.order])
    return time.perf_counter() - start, []


if __name__ == "__main__":
    serve(f"scikit-learn {sklearn.__version__}", epoch, list(HIDDEN))
