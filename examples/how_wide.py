# SPDX-License-Identifier: Apache-2.0
"""How many hidden units does an MLP need, and does the answer depend on the learning rate?

.venv/bin/shoal run examples/how_wide.py --seeds 5
"""

from shoal import SGD, Config, Grid, Study, mlp


def config(hidden: int, lr: float) -> Config:
    return Config(data="fashion-mnist", model=mlp(hidden), optimizer=SGD(lr=lr), batch_size=128, epochs=5)


study = Study("how-wide", config, Grid(hidden=[16, 64, 256], lr=[0.05, 0.2]))
