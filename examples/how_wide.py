# SPDX-License-Identifier: Apache-2.0
"""How many hidden units does an MLP need, and does the answer depend on the learning rate?

.venv/bin/shoal run examples/how_wide.py
"""

from shoal import SGD, Claim, Config, Grid, Study, mlp


def config(hidden: int, lr: float) -> Config:
    return Config(data="fashion-mnist", model=mlp(hidden), optimizer=SGD(lr=lr), batch_size=128, epochs=5)


wider = Claim(
    "wider",
    "The wider, the better.",
    measure="accuracy",
    a={"hidden": 256, "lr": 0.2},
    b={"hidden": 64, "lr": 0.2},
    margin="0.5 points",
)
study = Study("how-wide", config, Grid(hidden=[16, 64, 256], lr=[0.05, 0.2]), claims=[wider])
