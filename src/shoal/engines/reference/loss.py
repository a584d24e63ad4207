# SPDX-License-Identifier: Apache-2.0
"""The loss, in three forms (`losses.py`), and its gradient by the logits. Twin: native/kernels/loss.cpp."""

import numpy as np

from shoal.engines.reference.arrays import Array, Labels
from shoal.losses import CrossEntropy


def log_softmax(logits: Array) -> Array:
    """log p (B, O) of logits (B, O): log-sum-exp, so that no exponential overflows and no logarithm sees 0."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax_cross_entropy(logits: Array, labels: Labels, smoothing: float = 0.0) -> tuple[float, Array]:
    """The mean cross-entropy of logits (B, O) with labels (B), and dlogits (B, O) = (p - target) / B.

    The target is onehot, or with smoothing e (1 - e) · onehot + e / O: -Σ target · log p is then (1 - e) times the
    cross-entropy plus e times the mean of -log p over the classes.
    """
    each = np.arange(len(labels))
    log_p = log_softmax(logits)
    loss = -log_p[each, labels].mean()
    dlogits = np.exp(log_p)
    dlogits[each, labels] -= 1 - smoothing
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * log_p.mean()
        dlogits -= smoothing / logits.shape[1]
    return float(loss), dlogits / len(labels)


def log_of_softmax(logits: Array, labels: Labels, shift: bool) -> tuple[float, Array]:
    """The same of logits (B, O) and labels (B), through the probabilities: there and back one step at a time.

    p = exp(z) / Σ exp(z), each z less the largest if ``shift``; loss = -mean log p[label]. Back through mean and
    logarithm, dp[label] = -1 / B / p[label]; back through the softmax, dz = p · (dp - Σ dp · p). A framework goes this
    way for -log(softmax(z)[label]), and both break where exp overflows and where p[label] or 1 / p[label] / B does.
    """
    each = np.arange(len(labels))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True) if shift else logits)
    p = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.log(p[each, labels]).mean()
    dp = np.zeros_like(p)
    dp[each, labels] = (-1 / len(labels)) / p[each, labels]
    return float(loss), p * (dp - (dp * p).sum(axis=1, keepdims=True))


def cross_entropy(loss: CrossEntropy, logits: Array, labels: Labels) -> tuple[float, Array]:
    """The mean loss of logits (B, O) with labels (B) and dlogits (B, O), computed in the loss's form."""
    if loss.form == "log-sum-exp":
        return softmax_cross_entropy(logits, labels, loss.label_smoothing)
    return log_of_softmax(logits, labels, shift=loss.form == "shifted")
