# SPDX-License-Identifier: Apache-2.0
"""One's own images: here sixteen-pixel squares with a bright row or a bright column, told apart by two models.

.venv/bin/shoal run examples/own_data.py --seeds 3
"""

import numpy as np

from shoal import SGD, Config, Grid, Study, from_arrays, mlp, softmax_regression

draw = np.random.default_rng(1)
labels = draw.integers(0, 2, 7_000)
images = draw.integers(0, 120, (7_000, 4, 4))
for image, label in zip(images, labels, strict=True):
    where = draw.integers(4)
    (image if label else image.T)[where] += 100

bars = from_arrays(images.astype(np.uint8), labels, ["column", "row"], name="bars")
SHAPE = (1, 4, 4)
MODELS = {
    "linear": softmax_regression(classes=2, input_shape=SHAPE),
    "hidden": mlp(16, classes=2, input_shape=SHAPE),
}


def config(model: str) -> Config:
    return Config(data=bars.name, model=MODELS[model], optimizer=SGD(lr=0.5), batch_size=32, epochs=10)


study = Study("rows-or-columns", config, Grid(model=list(MODELS)))
