# SPDX-License-Identifier: Apache-2.0
"""What a config may ask of training besides its optimizer, as frozen data: clipped gradients, and an early end.

The formulas of clipping stand once in NumPy (`engines/reference`) and once in C++ (`native/kernels/update.cpp`).
When a run ends early is decided here, from its validation values alone, for every engine and every reader of
the store: so a run that was interrupted ends where it would have ended.
"""

from collections.abc import Iterable
from math import inf
from typing import Annotated, Literal

from msgspec import Meta

from shoal.optimizers import MOST, Epochs, Rate
from shoal.spec import Spec


class ClipNorm(Spec, frozen=True, tag=True):
    """All gradients together times max_norm / (norm + 1e-6), where that is less than 1.

    The norm is the Euclidean one of all parameters' gradients as one vector; the penalty of a weight decay comes
    later and is not clipped. Source: Pascanu et al. 2013; `torch.nn.utils.clip_grad_norm_`.
    """

    max_norm: Rate


class ClipValue(Spec, frozen=True, tag=True):
    """Every entry of every gradient into [-clip_value, clip_value], as `torch.nn.utils.clip_grad_value_`."""

    clip_value: Rate


Clipping = ClipNorm | ClipValue


class EarlyStopping(Spec, frozen=True, tag=True):
    """A run ends once its metric has not improved for ``patience`` epochs, and keeps the weights of its last epoch.

    An epoch improves if its value is better than the best so far by more than ``min_delta``; only such a value
    becomes the best. The first trained epoch always is one: the value before training, epoch 0, plays no part. So no
    run ends before epoch ``1 + patience``.

    A run that ended early is finished. Its length was chosen by its validation images: use ``Config(holdout=...)``
    where the test split is to judge it.

    Args:
        patience: epochs without improvement after which it ends.
        min_delta: what an improvement must exceed, in the metric's own unit (nats, or a fraction of images).
        metric: ``"validation_loss"``, which should fall, or ``"validation_accuracy"``, which should rise.
    """

    patience: Epochs
    min_delta: Annotated[float, Meta(ge=0, le=MOST)] = 0.0
    metric: Literal["validation_loss", "validation_accuracy"] = "validation_loss"

    def ends_after(self, values: Iterable[float]) -> int | None:
        """The epoch after which it ends a run whose metric was ``values`` after epochs 1, 2, ...; None: it goes on."""
        best, waited = inf, 0
        for epoch, value in enumerate(values, start=1):
            cost = -value if self.metric == "validation_accuracy" else value
            improved = best - cost > self.min_delta
            best, waited = (cost, 0) if improved else (best, waited + 1)
            if waited == self.patience:
                return epoch
        return None
