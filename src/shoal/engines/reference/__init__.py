# SPDX-License-Identifier: Apache-2.0
"""The reference engine: every layer, the loss and every optimizer in plain NumPy, written to be read.

It is the truth other engines are held to, and it is proved itself: by finite differences, and against
PyTorch. It trades speed for clarity wherever the two disagree; it knows no threads and no fused operations.
Its files are named as those of `native/kernels`, so that formula and kernel read side by side; `network.py` puts
them together into a step, and `engines/loop.py` the steps into an epoch.
"""

from shoal.engines.reference.activation import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from shoal.engines.reference.arrays import Array, Bytes, Labels, fold, windows
from shoal.engines.reference.conv2d import conv2d_backward, conv2d_backward_weight, conv2d_forward
from shoal.engines.reference.engine import ReferenceEngine, ReferenceNetwork, initial_tensors
from shoal.engines.reference.linear import linear_backward, linear_forward
from shoal.engines.reference.loss import cross_entropy, log_of_softmax, log_softmax, softmax_cross_entropy
from shoal.engines.reference.network import (
    NOTHING,
    backward,
    flatten_backward,
    flatten_forward,
    forward,
    gradients,
    layer_backward,
    layer_forward,
    layer_tensors,
    logits,
    pixels,
)
from shoal.engines.reference.pool2d import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from shoal.engines.reference.update import adam_step, adamw_step, sgd_step, update

__all__ = [
    "NOTHING",
    "Array",
    "Bytes",
    "Labels",
    "ReferenceEngine",
    "ReferenceNetwork",
    "adam_step",
    "adamw_step",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "backward",
    "conv2d_backward",
    "conv2d_backward_weight",
    "conv2d_forward",
    "cross_entropy",
    "flatten_backward",
    "flatten_forward",
    "fold",
    "forward",
    "gradients",
    "initial_tensors",
    "layer_backward",
    "layer_forward",
    "layer_tensors",
    "linear_backward",
    "linear_forward",
    "log_of_softmax",
    "log_softmax",
    "logits",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "pixels",
    "relu_backward",
    "relu_forward",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_cross_entropy",
    "tanh_backward",
    "tanh_forward",
    "update",
    "windows",
]
