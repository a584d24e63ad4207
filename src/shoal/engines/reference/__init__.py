# SPDX-License-Identifier: Apache-2.0
"""The reference engine: every layer, the loss and every optimizer in plain NumPy, written to be read.

It is the truth other engines are held to, and it is proved itself: by finite differences, and against
PyTorch. It trades speed for clarity wherever the two disagree; it knows no threads and no fused operations.
Its files are named as those of `native/kernels`, so that formula and kernel read side by side; `network.py` puts
them together into a step, and `engines/loop.py` the steps into an epoch.
"""

from shoal.engines.reference.activation import (
    gelu_backward,
    gelu_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    normal_distribution,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    silu_backward,
    silu_forward,
    tanh_backward,
    tanh_forward,
)
from shoal.engines.reference.add import add_backward, add_forward
from shoal.engines.reference.arrays import Array, Bytes, Labels, Mask, fold, windows
from shoal.engines.reference.batch_norm import (
    batch_norm_backward,
    batch_norm_backward_training,
    batch_norm_forward,
    batch_norm_moments,
    batch_norm_running,
)
from shoal.engines.reference.conv2d import conv2d_backward, conv2d_backward_weight, conv2d_forward
from shoal.engines.reference.dropout import dropout_backward, dropout_forward, dropout_mask
from shoal.engines.reference.engine import ReferenceEngine, ReferenceNetwork, drawn, initial_tensors
from shoal.engines.reference.linear import linear_backward, linear_forward
from shoal.engines.reference.loss import cross_entropy, log_of_softmax, log_softmax, softmax_cross_entropy
from shoal.engines.reference.network import (
    NOTHING,
    Operands,
    Training,
    backward,
    flatten_backward,
    flatten_forward,
    forward,
    gradients,
    last_uses,
    layer_backward,
    layer_forward,
    logits,
    operands,
    outputs,
    pixels,
    running,
)
from shoal.engines.reference.pool2d import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from shoal.engines.reference.update import (
    adagrad_step,
    adam_step,
    adamw_step,
    clip,
    lion_step,
    rmsprop_step,
    sgd_step,
    update,
)

__all__ = [
    "NOTHING",
    "Array",
    "Bytes",
    "Labels",
    "Mask",
    "Operands",
    "ReferenceEngine",
    "ReferenceNetwork",
    "Training",
    "adagrad_step",
    "adam_step",
    "adamw_step",
    "add_backward",
    "add_forward",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "backward",
    "batch_norm_backward",
    "batch_norm_backward_training",
    "batch_norm_forward",
    "batch_norm_moments",
    "batch_norm_running",
    "clip",
    "conv2d_backward",
    "conv2d_backward_weight",
    "conv2d_forward",
    "cross_entropy",
    "drawn",
    "dropout_backward",
    "dropout_forward",
    "dropout_mask",
    "flatten_backward",
    "flatten_forward",
    "fold",
    "forward",
    "gelu_backward",
    "gelu_forward",
    "global_avg_pool2d_backward",
    "global_avg_pool2d_forward",
    "gradients",
    "initial_tensors",
    "last_uses",
    "layer_backward",
    "layer_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "linear_backward",
    "linear_forward",
    "lion_step",
    "log_of_softmax",
    "log_softmax",
    "logits",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "normal_distribution",
    "operands",
    "outputs",
    "pixels",
    "relu_backward",
    "relu_forward",
    "rmsprop_step",
    "running",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax_cross_entropy",
    "tanh_backward",
    "tanh_forward",
    "update",
    "windows",
]
