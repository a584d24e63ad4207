# SPDX-License-Identifier: Apache-2.0
"""Shoal trains schools of small neural networks at once, and tells you what the curves prove.

The public names, and nothing else; each is imported when it is first asked for, so that `import shoal` costs
nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.analysis.claims import Claim
    from shoal.analysis.curves import Curves
    from shoal.analysis.sides import Chosen
    from shoal.analysis.verdicts import judge
    from shoal.data import Dataset, fashion_mnist, from_arrays, mnist
    from shoal.engines.native import NativeEngine
    from shoal.engines.reference import ReferenceEngine
    from shoal.errors import (
        DataError,
        DataMissing,
        EngineError,
        ModelError,
        ShoalError,
        StoreError,
        StoreLocked,
        StoreTooNew,
        StudyError,
        UsageError,
    )
    from shoal.losses import CrossEntropy
    from shoal.models import (
        GELU,
        Add,
        AvgPool2d,
        BatchNorm1d,
        BatchNorm2d,
        Conv2d,
        Dropout,
        Flatten,
        GlobalAvgPool2d,
        LeakyReLU,
        Linear,
        MaxPool2d,
        Model,
        ReLU,
        Sigmoid,
        SiLU,
        Tanh,
        kaiming_uniform,
        lenet,
        mlp,
        normal,
        pytorch_default,
        softmax_regression,
        xavier_uniform,
    )
    from shoal.optimizers import (
        SGD,
        Adagrad,
        Adam,
        AdamW,
        Constant,
        Cosine,
        Exponential,
        Lion,
        RMSprop,
        StepDecay,
        WarmUp,
    )
    from shoal.results import StoredResults
    from shoal.runner import run
    from shoal.store import Store
    from shoal.study import Config, Grid, Run, Study
    from shoal.training import ClipNorm, ClipValue, EarlyStopping

__version__ = "0.1.0"

_ROOMS = {
    "analysis.claims": "Claim",
    "analysis.curves": "Curves",
    "analysis.sides": "Chosen",
    "analysis.verdicts": "judge",
    "data": "Dataset fashion_mnist from_arrays mnist",
    "engines.native": "NativeEngine",
    "engines.reference": "ReferenceEngine",
    "errors": "DataError DataMissing EngineError ModelError ShoalError StoreError StoreLocked StoreTooNew StudyError "
    "UsageError",
    "losses": "CrossEntropy",
    "models": "Add AvgPool2d BatchNorm1d BatchNorm2d Conv2d Dropout Flatten GELU GlobalAvgPool2d LeakyReLU Linear "
    "MaxPool2d Model ReLU SiLU Sigmoid Tanh kaiming_uniform lenet mlp normal pytorch_default "
    "softmax_regression xavier_uniform",
    "optimizers": "Adagrad Adam AdamW Constant Cosine Exponential Lion RMSprop SGD StepDecay WarmUp",
    "results": "StoredResults",
    "runner": "run",
    "store": "Store",
    "study": "Config Grid Run Study",
    "training": "ClipNorm ClipValue EarlyStopping",
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Add",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Chosen",
    "Claim",
    "ClipNorm",
    "ClipValue",
    "Config",
    "Constant",
    "Conv2d",
    "Cosine",
    "CrossEntropy",
    "Curves",
    "DataError",
    "DataMissing",
    "Dataset",
    "Dropout",
    "EarlyStopping",
    "EngineError",
    "Exponential",
    "Flatten",
    "GlobalAvgPool2d",
    "Grid",
    "LeakyReLU",
    "Linear",
    "Lion",
    "MaxPool2d",
    "Model",
    "ModelError",
    "NativeEngine",
    "RMSprop",
    "ReLU",
    "ReferenceEngine",
    "Run",
    "ShoalError",
    "SiLU",
    "Sigmoid",
    "StepDecay",
    "Store",
    "StoreError",
    "StoreLocked",
    "StoreTooNew",
    "StoredResults",
    "Study",
    "StudyError",
    "Tanh",
    "UsageError",
    "WarmUp",
    "fashion_mnist",
    "from_arrays",
    "judge",
    "kaiming_uniform",
    "lenet",
    "mlp",
    "mnist",
    "normal",
    "pytorch_default",
    "run",
    "softmax_regression",
    "xavier_uniform",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'shoal' has no attribute {name!r}")
    value = getattr(import_module(f"shoal.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
