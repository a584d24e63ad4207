# SPDX-License-Identifier: Apache-2.0
"""Every sentence that Play says of a training, as somebody reads it who learns: plain, true, and in time."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.data.sketches import garments
from shoal.live.play_charts import _difference
from shoal.live.play_sides import METRICS, Pairs, Side
from shoal.live.play_words import caption, difference, standing

NAN, DATA = float("nan"), [garments(train=20, test=10)]
SCATTER = np.array([0.004, -0.003, 0.001, -0.002, 0.003, -0.004, 0.002, -0.001])
LOSS, ACCURACY = "validation_loss", "validation_accuracy"


def side(label: str, end: float, seeds: int, reach: int = 2, lost: int = 0, scatter: float = 1.0) -> Side:
    """Two epochs asked for, all seeds as far as ``reach``; the first ``lost`` of them diverged in the last epoch."""
    values = np.linspace(2.3, end, 3) + scatter * SCATTER[:seeds, None] * np.array([0, 1, 1])
    diverged = np.arange(seeds) < lost
    values[:, reach + 1 :] = values[diverged, 2:] = NAN
    return Side(label, values, np.where(diverged, 2, reach), diverged, 2.3)


def mixed(label: str, end: float, last: list[int]) -> Side:
    whole = side(label, end, len(last))
    values = np.where(np.arange(3) <= np.array(last)[:, None], whole.values, NAN)
    return Side(label, values, np.array(last), whole.diverged, 2.3)


# ---- where each setting stands ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (side("lr 1", 0.5, 6, reach=-1), "lr 1 has not begun"),
        (side("lr 1", 0.5, 6, reach=0), "lr 1 is at 2.30 ± 0 before training"),
        (side("lr 1", 0.5, 6, reach=1), "lr 1 is at 1.400 ± .003 after epoch 1"),
        (side("lr 1", 0.5, 6), "lr 1 ends at .500 ± .003"),
        (side("lr 1", 0.5, 3), "lr 1 ends at .501"),
        (mixed("lr 1", 0.5, [2, 2, 1, 1, -1]), "lr 1 ends at .500 in 2 of 5 seeds"),
        (mixed("lr 1", 0.5, [1, 0, -1, -1]), "lr 1 is at 2.30 before training in 2 of 4 seeds"),
        (side("lr 1", 0.5, 6, lost=6), "lr 1 diverged in all 6 seeds"),
        (side("lr 1", 0.5, 1, lost=1), "lr 1 diverged in its only seed"),
        (side("lr 1", 0.5, 3, lost=1), "lr 1 diverged in 1 of 3 seeds and ends at .499 in the other 2"),
        (side("lr 1", 0.5, 2, lost=1), "lr 1 diverged in 1 of 2 seeds and ends at .497 in the other"),
        (side("lr 1", NAN, 6, reach=0), "lr 1 is in its first epoch"),
    ],
)
def test_a_setting_says_where_it_stands(one, words):
    assert standing(one) == words


NATS = " Loss is in nats: who gives each of 10 classes the same chance has ln 10 = 2.30."
STAND_IN = " Drawn images stand in for fashion-mnist: this says nothing of it."
BANDS = "; bands, and numbers after ±, are its 95% interval"


@pytest.mark.parametrize(
    ("sides", "metric", "words"),
    [
        ([side("MLP, lr 1", 0.5, 1)], ACCURACY, "Validation accuracy: MLP, lr 1 ends at .504 (n = 1 seed)."),
        (
            [side("lr 1", 0.5, 6), side("lr 2", 0.7, 6)],
            LOSS,
            "Validation loss. A: lr 1 ends at .500 ± .003; B: lr 2 ends at .700 ± .003 (n = 6 seeds). Thin lines are "
            f"seeds, thick ones their mean{BANDS}.{NATS}",
        ),
        (
            [side("lr 1", 0.5, 3), side("lr 2", 0.7, 3, lost=3)],
            LOSS,
            "Validation loss. A: lr 1 ends at .501; B: lr 2 diverged in all 3 seeds (n = 3 seeds). Thin lines are "
            f"seeds, thick ones their mean. A × is where a run was seen last before it diverged.{NATS}",
        ),
        (
            [side("lr 1", 0.5, 6, reach=1), side("lr 2", 0.7, 6, reach=-1)],
            ACCURACY,
            "Validation accuracy. A: lr 1 is at 1.400 ± .003 after epoch 1; B: lr 2 has not begun (n = 6 seeds, so "
            f"far). Thin lines are seeds, thick ones their mean{BANDS}.",
        ),
    ],
)
def test_a_caption_says_of_what_and_how_many(sides, metric, words):
    assert caption(sides, metric, DATA) == words + STAND_IN


def test_what_leaves_the_plane_is_said_to():
    sides = [side("lr 1", 0.5, 3), side("lr 30", 900.0, 3)]
    assert "cut off, with ↑" in caption(sides, LOSS, DATA * 2, cut=True)
    assert "cut off, with ↑" not in caption(sides, LOSS, DATA * 2)


# ---- the difference -----------------------------------------------------------------------------------

WORSE = "A run that diverged counts as worse than any other."
NO_VERDICT = "There is no verdict before all runs have ended."


@pytest.mark.parametrize(
    ("a", "b", "metric", "words"),
    [
        (
            side("A1", 0.5, 6),
            side("B1", 0.6, 6, scatter=2),
            LOSS,
            "After epoch 2 the validation loss of B1 minus that of A1 is +.100 (95% interval [.096, .103]) over 6 "
            "seeds. Settled: B1 is above, which is worse.",
        ),
        (
            side("A1", 0.5, 6),
            side("B1", 0.6, 6, scatter=2),
            ACCURACY,
            "After epoch 2 the validation accuracy of B1 minus that of A1 is +.100 (95% interval [.096, .103]) over 6 "
            "seeds. Settled: B1 is above, which is better.",
        ),
        (
            side("A1", 0.5, 6),
            side("B1", 0.4, 6, scatter=2),
            LOSS,
            "After epoch 2 the validation loss of B1 minus that of A1 is −.100 (95% interval [−.104, −.097]) over 6 "
            "seeds. Settled: B1 is below, which is better.",
        ),
        (
            side("A1", 0.5, 6),
            side("B1", 0.501, 6, scatter=2),
            LOSS,
            "After epoch 2 the validation loss of B1 minus that of A1 is +.001 (95% interval [−.003, .004]) over 6 "
            "seeds. Not settled: the luck of the seeds could explain it.",
        ),
        (
            side("A1", 0.5, 3),
            side("B1", 0.6, 3),
            LOSS,
            "After epoch 2 the validation loss of B1 minus that of A1 is +.100 over 3 seeds. Fewer than 6 seeds settle "
            "nothing.",
        ),
        (
            side("A1", 0.5, 6),
            side("B1", 0.5, 6),
            LOSS,
            "After epoch 2 the validation loss of B1 minus that of A1 is 0 in every seed.",
        ),
        (
            side("A1", 0.5, 6),
            mixed("B1", 0.6, [2, 2, 1, 0, -1, -1]),
            LOSS,
            "After epoch 2 the validation loss of B1 minus that of A1 is +.100 over 2 of 6 seeds so far. " + NO_VERDICT,
        ),
        (
            side("A1", 0.5, 6, reach=0),
            side("B1", 0.6, 6, reach=0, scatter=2),
            LOSS,
            "Before training the validation loss of B1 minus that of A1 is 0 in every seed.",
        ),
        (
            side("A1", 0.5, 6),
            side("B1", 0.6, 6, reach=-1),
            LOSS,
            "There is nothing to compare yet: no seed has been trained with both settings.",
        ),
        (
            side("A1", 0.5, 6, reach=0),
            side("B1", 0.6, 6, reach=0),
            "train_loss",
            "There is nothing to compare yet: no seed has been trained with both settings.",
        ),
        (
            side("A1", 0.5, 6),
            side("B1", 0.6, 6, lost=6),
            LOSS,
            f"Of 6 seeds, A1 diverged in none and B1 diverged in all. {WORSE} Settled: B1 is worse.",
        ),
        (
            side("A1", 0.5, 6, lost=6),
            side("B1", 0.6, 6),
            ACCURACY,
            f"Of 6 seeds, A1 diverged in all and B1 diverged in none. {WORSE} Settled: B1 is better.",
        ),
        (
            side("A1", 0.5, 3),
            side("B1", 0.6, 3, lost=3),
            LOSS,
            f"Of 3 seeds, A1 diverged in none and B1 diverged in all. {WORSE} Fewer than 6 seeds settle nothing.",
        ),
        (
            side("A1", 0.5, 6, lost=2),
            side("B1", 0.6, 6, lost=3),
            LOSS,
            f"Of 6 seeds, A1 diverged in 2 and B1 diverged in 3. {WORSE} Not settled: the luck of the seeds could "
            "explain it.",
        ),
        (
            side("A1", 0.5, 8),
            side("B1", 0.9, 8, lost=1),
            LOSS,
            "Of 8 seeds, A1 diverged in none and B1 diverged in 1. After epoch 2, in the middle one of the seeds, the "
            "validation loss of B1 minus that of A1 is +.400; drawn are the seeds in which neither diverged. "
            f"{WORSE} Settled: B1 is worse.",
        ),
        (
            side("A1", 0.5, 6, lost=6),
            side("B1", 0.6, 6, lost=6),
            LOSS,
            "Both settings diverged in every seed: there is nothing to compare.",
        ),
        (
            side("A1", 0.5, 6, reach=1, lost=2),
            side("B1", 0.6, 6, reach=1, lost=2),
            LOSS,
            f"Of 6 seeds, A1 diverged in 2 and B1 diverged in 2 so far. {WORSE} {NO_VERDICT}",
        ),
        (
            side("sigmoid, avg pooling, lr 0.9, batch 256", 0.5, 3),
            side("relu, max pooling, lr 0.1, batch 128", 0.4, 3),
            LOSS,
            "After epoch 2 the validation loss of B minus that of A is −.100 over 3 seeds. Fewer than 6 seeds settle "
            "nothing.",
        ),
    ],
)
def test_what_seeds_say_of_two_settings(a, b, metric, words):
    found = _difference(Pairs(a, b, metric))
    assert found["sentence"] == words
    assert (found["chart"] is None) == bool((a.diverged | b.diverged).all())


@given(
    st.integers(1, 8),
    st.integers(0, 8),
    st.integers(0, 8),
    st.integers(-1, 2),
    st.integers(-1, 2),
    st.sampled_from(sorted(METRICS)),
)
def test_whatever_has_come_is_said_in_plain_words(seeds, lost_a, lost_b, reach_a, reach_b, metric):
    """No sign for what no number says, no word left over, and a verdict only at the end."""
    sides = [side("A", 0.5, seeds, reach_a, lost_a), side("B", 0.7, seeds, reach_b, lost_b)]
    for words in (said := difference(Pairs(*sides, metric)), caption(sides, metric, DATA)):
        assert not re.search(r"∞|nan|inf|None|  |\.\.|–|\.0000|undefined", words), words
        assert words.endswith(".")
        assert words[0].isupper()
    ended = all(each.ended.all() for each in sides)
    assert ended or not re.search(r"[Ss]ettle", said)
