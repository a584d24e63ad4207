# SPDX-License-Identifier: Apache-2.0
"""Curves, weights, logits and probes as chapters see them; and that a stand-in never passes for the real thing."""

import contextlib
import math

import numpy as np
import pytest

from fakes import FakeEngine, dots, tiny_config, tiny_study
from shoal.engines import steps_per_epoch
from shoal.errors import StudyError
from shoal.results import StoredResults, on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Grid, Run, Study

DATA = {"dots": dots()}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "shoal.db", write=True) as store:
        yield store


def trained(store, study, data=DATA, seeds=None, **named) -> StoredResults:
    engine = FakeEngine(**named)
    demand = Demand.of([on_data(study, data)], seeds)
    with contextlib.suppress(KeyboardInterrupt):
        train(demand, engine, {dataset.name: dataset for dataset in data.values()}, store)
    return StoredResults(store, study, data, engine)


def test_curves_have_a_row_a_seed_and_a_column_an_epoch(store):
    curves = trained(store, tiny_study()).curves(lr=0.1)
    assert (curves.label, curves.seeds) == ("lr 0.1", (0, 1, 2))
    assert curves.validation_loss.shape == (3, 4)
    assert np.isnan(curves.train_loss[:, 0]).all()
    assert np.isfinite(curves.train_loss[:, 1:]).all()
    assert curves.step_losses.shape == (3, 3 * steps_per_epoch(curves.config, DATA["dots"]))
    assert curves.diverged_at == (None, None, None)
    assert curves.final("validation_loss") == pytest.approx(curves.validation_loss[:, 3])


def test_seeds_that_have_not_finished_are_left_out(store):
    results = trained(store, tiny_study(seeds=[0, 1]), stop_after=13)
    assert [curves.seeds for curves in results.all()] == [(0,)]
    assert results.curves(lr=0.5).seeds == ()
    assert results.curves(lr=0.5).validation_loss.shape == (0, 4)


def test_a_diverged_seed_is_nan_from_its_epoch_on(store):
    def config(lr):
        return tiny_config(lr)

    curves = trained(store, Study("far", config, Grid(lr=[100.0]), seeds=[0])).curves(lr=100.0)
    for name in ("train_loss", "validation_loss", "validation_accuracy", "seconds"):
        row = getattr(curves, name)[0]
        assert np.isnan(row[2:]).all(), name
        assert np.isfinite(row[1]), name
    assert np.isnan(curves.final("validation_loss")).all()
    assert curves.diverged_at == (4,)
    assert np.isinf(curves.step_losses[0, 4])
    assert np.isnan(curves.step_losses[0, 5:]).all()


def test_runs_of_two_engines_in_one_store_are_apart(store):
    """A store that was begun with another build of an engine: nothing of it is shown, or gone on from."""
    trained(store, tiny_study(seeds=[0]), name="native-portable")
    results = trained(store, tiny_study(seeds=[0, 1]), name="native")
    assert [curves.seeds for curves in results.all()] == [(0, 1), (0, 1)]
    portable = StoredResults(store, tiny_study(seeds=[0, 1]), DATA, FakeEngine("native-portable"))
    assert [curves.seeds for curves in portable.all()] == [(0,), (0,)]
    assert {(run.engine, run.seed) for run in store.runs()} == {("native", 0), ("native", 1), ("native-portable", 0)}


def test_a_point_that_is_not_in_the_grid_is_named(store):
    with pytest.raises(StudyError, match=r"no point \{'lr': 7\}. Its points: lr 0.1; lr 0.5"):
        StoredResults(store, tiny_study(), DATA, FakeEngine()).curves(lr=7)


def test_a_stand_in_never_passes_for_the_real_thing(store):
    drawn = {"dots": dots("drawn-dots", stand_in="dots")}
    results = trained(store, tiny_study(), drawn)
    assert {stored.config.data for stored in store.runs()} == {"drawn-dots"}
    assert {curves.config.data for curves in results.all()} == {"drawn-dots"}
    assert StoredResults(store, tiny_study(), DATA, FakeEngine()).all() == []
    assert results.dataset("dots") is results.dataset("drawn-dots")
    assert results.weights(tiny_config(), 0).keys() == {"1.weight", "1.bias"}, "configs as written are understood"


def test_on_data_changes_nothing_but_the_data():
    study = on_data(tiny_study(), {"dots": dots("drawn-dots")})
    assert [point.values for point in study.points] == [{"lr": 0.1}, {"lr": 0.5}]
    assert study.points[0].config == tiny_config(0.1, data="drawn-dots")
    assert on_data(tiny_study(), DATA).points == tiny_study().points


def test_logits_are_those_of_the_final_weights_and_are_computed_once(store):
    results = trained(store, tiny_study())
    logits = results.logits(tiny_config(), 1)
    weights = store.weights(Run(tiny_config(), 1), "fake")
    expected = DATA["dots"].test.images.reshape(12, 4) / 255 @ weights["1.weight"].T
    np.testing.assert_allclose(logits, expected, rtol=1e-6)
    assert results.logits(tiny_config(), 1) is logits


def test_a_probe_is_computed_once_and_kept(store):
    counted = []

    def compute():
        counted.append(1)
        return {"edges": (1, 2), "nan": np.float64("nan"), "row": np.arange(2), "none": np.bool_(True)}

    first = StoredResults(store, None, DATA, FakeEngine()).probe("p", compute)
    again = StoredResults(store, None, DATA, FakeEngine()).probe("p", compute)
    assert counted == [1]
    assert math.isnan(first.pop("nan"))
    assert math.isnan(again.pop("nan"))
    assert first == again == {"edges": [1, 2], "row": [0, 1], "none": True}


def test_probes_of_other_data_and_engines_are_apart(store):
    StoredResults(store, None, DATA, FakeEngine()).probe("p", lambda: 1)
    assert StoredResults(store, None, {"dots": dots(count=14)}, FakeEngine()).probe("p", lambda: 2) == 2
    assert StoredResults(store, None, DATA, FakeEngine("other")).probe("p", lambda: 3) == 3


def test_a_probe_on_a_store_opened_to_read_is_not_saved(store):
    with Store.open(store.path) as reader:
        assert StoredResults(reader, None, DATA, FakeEngine()).probe("p", lambda: 1) == 1
        assert StoredResults(reader, None, DATA, FakeEngine()).probe("p", lambda: 2) == 2


def test_a_probe_that_is_no_plain_data_is_refused(store):
    with pytest.raises(TypeError, match="plain data"):
        StoredResults(store, None, DATA, FakeEngine()).probe("p", lambda: object())


def test_a_run_without_the_weights_that_its_study_keeps_is_not_whole(store):
    trained(store, tiny_study())
    assert StoredResults(store, tiny_study(keep=True), DATA, FakeEngine()).all() == []
    assert StoredResults(store, tiny_study(epochs=2), DATA, FakeEngine()).all() == [], "weights after 2 are not there"
    assert len(trained(store, tiny_study(keep=True)).all()) == 2


def test_some_seeds_can_be_looked_at_alone(store):
    results = trained(store, tiny_study())
    logits = results.logits(tiny_config(), 0)
    fewer = results.on_seeds([2, 0])
    assert [curves.seeds for curves in fewer.all()] == [(2, 0), (2, 0)]
    assert fewer.logits(tiny_config(), 0) is logits
    assert results.curves(lr=0.1).seeds == (0, 1, 2)
