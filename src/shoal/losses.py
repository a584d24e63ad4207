# SPDX-License-Identifier: Apache-2.0
"""The loss as frozen data: cross-entropy, and which of three ways to compute it a run trains with.

The three are one function on paper and three in floating point; where each breaks is `probes/softmax.py`'s
to say. The formulas stand once in NumPy (`engines/reference/loss.py`) and once in C++ (`native/kernels/loss.cpp`).
"""

from typing import Literal

from shoal.spec import Spec


class CrossEntropy(Spec, frozen=True, tag=True):
    """-log p[label] with p = softmax(logits), as the mean over the minibatch.

    Args:
        form: how it is computed, named as in `shoal.probes.softmax`.
            ``"log-sum-exp"``: max z + log Σ exp(z - max z) - z[label]; the gradient is p - onehot. It never breaks.
            ``"shifted"``: p = exp(z - max z) / Σ exp(z - max z), then -log p[label]; the gradient is taken step by
            step, through the logarithm (-1 / p[label]) and then through the softmax, as a framework does for
            ``-log(softmax(z))``. It breaks where p[label] underflows.
            ``"naive"``: the same without the maximum. It also breaks where exp(z) overflows, or all of them underflow.

    A form is a way of training. Validation, which is exact, is by log-sum-exp whatever the form.
    """

    form: Literal["log-sum-exp", "shifted", "naive"] = "log-sum-exp"
