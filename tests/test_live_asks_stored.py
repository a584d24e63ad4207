# SPDX-License-Identifier: Apache-2.0
"""The way back from a stored config to Play's form: what the form can say comes back whole, what it cannot is refused
by name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from fakes import dots, tiny_config
from shoal.engines.native import NativeEngine
from shoal.errors import UsageError
from shoal.live import asks
from shoal.live.app import rooms
from shoal.live.asks_settings import Setting
from shoal.live.asks_stored import setting_of
from shoal.live.lab import Lab
from shoal.losses import CrossEntropy
from shoal.models import Add, Flatten, Linear, Model, ReLU, lenet, normal, softmax_regression
from shoal.optimizers import SGD, Adam, Cosine
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Run
from shoal.training import ClipNorm
from test_live_asks import DATA, GARMENTS, pairs
from visitors import Visitor

PLAIN = Config(data=GARMENTS.name, model=softmax_regression(), optimizer=SGD(lr=0.1), epochs=3)

LOOPED = Model((Flatten(), Linear(784, 8), ReLU(), Linear(8, 8), Add(2), Linear(8, 10)))


@given(pairs())
def test_every_setting_of_the_table_comes_back_from_its_config(given):
    for one in given:
        own = DATA[one.data]
        back = setting_of(asks.config(one, own).replace(data=own.name), one.data, own)
        assert back.said() == one.said()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": LOOPED}, "Its model cannot"),
        ({"schedule": Cosine(epochs=3)}, "Its schedule cannot be chosen in Play"),
        ({"holdout": 10, "gradient_clipping": ClipNorm(1.0)}, "Its gradient clipping and holdout cannot"),
        ({"init": normal(0.5)}, "Its init cannot"),
        ({"epochs": 51}, "epochs=51 is out of range. Use 1 to 50"),
        ({"optimizer": SGD(lr=1e-7)}, "lr=1e-07 is out of range"),
        ({"optimizer": SGD(lr=0.1, momentum=0.01)}, "momentum=0.01 is out of range"),
        ({"optimizer": Adam(lr=0.1, betas=(0.8, 0.9))}, "Its optimizer cannot"),
    ],
)
def test_what_the_form_cannot_say_is_refused_by_name(change, words):
    assert setting_of(PLAIN, "fashion-mnist", GARMENTS) == Setting(epochs=3)
    with pytest.raises(UsageError, match=words.replace(".", r"\.")):
        setting_of(PLAIN.replace(**change), "fashion-mnist", GARMENTS)


def test_a_model_of_ones_own_name_is_what_it_is_made_of():
    named = PLAIN.replace(model=Model(softmax_regression().layers, name="mine"), loss=CrossEntropy("naive"))
    assert setting_of(named, "fashion-mnist", GARMENTS) == Setting(epochs=3, loss="naive")


# ---- the route ----------------------------------------------------------------------------------------

LENET = PLAIN.replace(model=lenet("tanh", "avg"), batch_size=64)
ADAM = PLAIN.replace(optimizer=Adam(lr=0.01))
CLIPPED = PLAIN.replace(gradient_clipping=ClipNorm(1.0))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Over a store of five runs: three that the form can say, one beyond it, one of data that is not here."""
    store, data = tmp_path_factory.mktemp("asks") / "shoal.db", {GARMENTS.name: GARMENTS, "dots": dots()}
    runs = (*(Run(one, seed=4) for one in (PLAIN, LENET, ADAM, CLIPPED)), Run(tiny_config(), 4))
    with Store.open(store, write=True) as writer:
        train(Demand(runs), NativeEngine(threads=1), data, writer)
    with Lab(store, DATA) as lab:
        yield lab


def asked(lab: Lab, run: Any) -> Any:
    return Visitor(rooms(lab)).get(f"/api/play/setting?run={run}")


@pytest.mark.parametrize("config", [PLAIN, LENET, ADAM], ids=["softmax", "lenet", "adam"])
def test_a_stored_run_gives_the_setting_that_asks_for_it(lab, config):
    found = msgspec.convert(asked(lab, lab.reader().run_id(Run(config, 4), "native")).json, Setting)
    assert found.data == "fashion-mnist", "by the name that is asked for"
    assert asks.config(found, GARMENTS).replace(data=GARMENTS.name).hash == config.hash


@pytest.mark.parametrize(
    ("config", "words"),
    [(CLIPPED, "Its gradient clipping cannot be chosen in Play."), (tiny_config(), "Its data, 'dots', is not here.")],
)
def test_a_run_that_the_form_cannot_be_filled_with_says_why(lab, config, words):
    run = lab.reader().run_id(Run(config, 4), "native")
    refused = asked(lab, run)
    assert (refused.status, refused.json["error"]) == (400, f"Play cannot ask for run {run}. {words}")


@pytest.mark.parametrize("run", [0, 6, 10**17])
def test_a_run_that_is_not_there_is_not_found(lab, run):
    assert (asked(lab, run).status, asked(lab, run).json["error"]) == (404, f"The store has no run {run}.")
