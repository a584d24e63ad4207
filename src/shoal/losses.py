# SPDX-License-Identifier: Apache-2.0
"""The loss as frozen data: cross-entropy, and which of three ways to compute it a run trains with.

The three are one function on paper and three in floating point; where each breaks is `probes/softmax.py`'s
to say. The formulas stand once in NumPy (`engines/reference/loss.py`) and once in C++ (`native/kernels/loss.cpp`).
"""

from typing import Annotated, Literal

from msgspec import Meta

from shoal.errors import StudyError
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
        label_smoothing: e in [0, 1]: the loss is (1 - e) times the above plus e times the mean of -log p over all
            classes (Szegedy et al. 2016), and the gradient p - (1 - e) · onehot - e / classes. Only with log-sum-exp.

    Both are ways of training, and training losses are of what was trained on. Validation, which is exact, is by
    log-sum-exp and never smoothed.
    """

    form: Literal["log-sum-exp", "shifted", "naive"] = "log-sum-exp"
    label_smoothing: Annotated[float, Meta(ge=0, le=1)] = 0.0

    def check(self) -> None:
        if self.label_smoothing and self.form != "log-sum-exp":
            raise StudyError(
                f"CrossEntropy(form={self.form!r}, label_smoothing={self.label_smoothing}): labels are smoothed only "
                f"with log-sum-exp. Use form='log-sum-exp', or label_smoothing=0."
            )
