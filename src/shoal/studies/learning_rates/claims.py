# SPDX-License-Identifier: Apache-2.0
"""What the original says of learning rates (1 to 3), as claims on section 1.2's runs. It neither trains nor judges."""

from dataclasses import replace

from shoal.analysis.claims import Claim
from shoal.analysis.measures import MEASURES
from shoal.analysis.sides import highest, lowest
from shoal.studies.races import time_to_loss_of, time_to_loss_of_at_least

HALF = 5
"""Half of the epochs: the loss that lr 0.05 has then is what the slow rate is timed to."""
LONG = {"lr": 0.001, "epochs": 60}
"""Twelve times as long, so that a run that never gets there has shown that it takes more than ten times."""
SLOW, MEDIUM, LARGE = {"lr": 0.001}, ({"lr": 0.05}, {"lr": 0.1}), {"lr": 0.12}
OTHERS = ({"lr": 0.001}, {"lr": 0.12}, {"lr": 0.2}, {"lr": 0.5}, {"lr": 1.0})
SWAY = 5.0
"""Percent: a loss that rises further than this above its earlier low is said to sway."""
SWAYING = replace(MEASURES["noise"], unit="nats", scale="ratio")
FURTHEST = "the furthest that validation loss, after the first epoch, rises above its earlier low"
RISES = f"{FURTHEST} is more than {SWAY:g}%, on average over the runs (infinite if one diverges)"

CLAIMS = (
    Claim(
        "1a",
        "Small LR (0.001): very slow convergence …",
        tested=f"At lr 0.001 the validation loss that lr 0.05 has after {HALF} epochs takes more than 10 times as "
        f"many epochs as at lr 0.05; a run that is not there after {LONG['epochs']} epochs counts as {LONG['epochs']}.",
        measure=time_to_loss_of_at_least({"lr": 0.05}, "lr 0.05", HALF),
        a=LONG,
        b={"lr": 0.05},
        direction="above",
        margin="10x",
    ),
    Claim(
        "1b",
        "… high validation loss",
        tested="After 10 epochs validation loss at lr 0.001 is more than 5% above that at lr 0.05.",
        measure="loss",
        a=SLOW,
        b={"lr": 0.05},
        direction="above",
        margin="5%",
    ),
    Claim(
        "2a",
        "Medium LR (0.05–0.1, .05): fast convergence …",
        tested="Both lr 0.05 and lr 0.1 get to the validation loss that lr 0.001 has after 10 epochs more than 1.25 "
        "times as fast as it.",
        measure=time_to_loss_of(SLOW, "lr 0.001", 10),
        a=highest(*MEDIUM, label="the slower of lr 0.05 and lr 0.1"),
        b=SLOW,
        direction="below",
        margin="1.25x",
    ),
    Claim(
        "2b",
        "… lowest validation loss …",
        tested="After 10 epochs the better of lr 0.05 and lr 0.1 has a validation loss more than 5% below that of "
        "every other rate here: 0.001, 0.12, 0.2, 0.5 and 1.",
        measure="loss",
        a=lowest(*MEDIUM, label="the better of lr 0.05 and lr 0.1"),
        b=lowest(*OTHERS, label="the best other rate"),
        direction="below",
        margin="5%",
    ),
    Claim(
        "2c",
        "… stable training",
        tested=f"At whichever of lr 0.05 and lr 0.1 it is more, {FURTHEST} is less than {SWAY:g}%, on average over the "
        "runs.",
        measure="rebound",
        a=highest(*MEDIUM, label="the less stable of lr 0.05 and lr 0.1"),
        b=SWAY / 100,
        direction="below",
        primary=False,
    ),
    Claim(
        "3a",
        "Large LR (>0.1, .12): unstable, swaying validation loss",
        tested=f"At lr 0.12 {RISES}.",
        measure="rebound",
        a=LARGE,
        b=SWAY / 100,
    ),
    Claim(
        "3b",
        "Large LR (>0.1, .12): unstable, swaying validation loss",
        tested="At lr 0.12 validation loss scatters more than 1.5 times as far around the best curve that never rises "
        "as at lr 0.1 (infinitely far if a run diverges).",
        measure=SWAYING,
        a=LARGE,
        b={"lr": 0.1},
        direction="above",
        margin="1.5x",
    ),
    *(
        Claim(
            f"3{letter}",
            "Large LR (>0.1, .12): unstable, swaying validation loss",
            tested=f"At lr {lr:g} {RISES}.",
            measure="rebound",
            a={"lr": lr},
            b=SWAY / 100,
            primary=False,
        )
        for letter, lr in (("c", 0.2), ("d", 0.5), ("e", 1.0))
    ),
)
