# SPDX-License-Identifier: Apache-2.0
"""What a notebook shows: whole HTML of everything, nothing of a name taken for markup, and a run while it goes on."""

import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import imagined
from fakes import FakeEngine, dots, tiny_config, tiny_study
from script_payloads import PAYLOADS
from shoal.analysis.claims import Claim, Untestable
from shoal.analysis.verdicts import Verdicts, judge
from shoal.engines import EpochRecord
from shoal.models import Model, lenet, mlp
from shoal.notebook import cell, fragments, html
from shoal.optimizers import SGD
from shoal.runner import run
from shoal.store import Store
from shoal.study import Config, Grid, Study

CLAIM = Claim("less", "Faster is better.", measure="loss", a={"lr": 0.1}, b={"lr": 0.5}, direction="below", margin="5%")


class Seen(HTMLParser):
    """The tags, attributes and words of a document; it fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.words += data


def claiming(name="rates", **named) -> Study:
    def config(lr):
        return tiny_config(lr)

    return Study(name, config, Grid(lr=[0.1, 0.5]), seeds=range(3), claims=[CLAIM], **named)


def results(tmp_path, study, data=None, **named):
    return run(study, data=data or {"dots": dots()}, engine=FakeEngine(**named), store=tmp_path / "shoal.db")


# ---- things -------------------------------------------------------------------------------------------


def test_a_study_shows_its_points_and_claims():
    seen = Seen(claiming()._repr_html_())
    assert "2 configs × 3 seeds = 6 runs · 18 epochs · dots · softmax regression · 10 parameters" in seen.words
    assert "SGD lr 0.5" in seen.words
    assert "“Faster is better.”" in seen.words
    assert CLAIM.tested in seen.words
    assert "svg" not in seen.tags


def test_a_study_of_many_points_shows_the_first():
    def config(lr):
        return tiny_config(lr)

    text = Study("many", config, Grid(lr=[number / 1000 for number in range(1, 101)]))._repr_html_()
    assert text.count("<tr>") == 41
    assert "and 60 more" in text


def test_a_model_shows_its_layers():
    seen = Seen(lenet()._repr_html_())
    assert "takes 1×28×28 and tells 10 classes apart · 61,706 parameters" in seen.words
    assert "Conv2d(1, 6, kernel_size=5, padding=2)6×28×28156" in seen.words
    assert seen.words.endswith("together61,706865,376")


def test_results_show_curves_ends_and_verdicts(tmp_path):
    seen = Seen(results(tmp_path, claiming())._repr_html_())
    assert "6 of 6 runs ended · shoal.db" in seen.words
    assert "svg" in seen.tags
    assert "n = 3 seeds; each seed a thin line, the mean a thick one." in seen.words, "three seeds have no interval"
    assert "lr 0.13" in seen.words, "label and n"
    assert "Too few seeds" in seen.words
    assert "diverged" not in seen.words


def test_results_of_drawings_say_so(tmp_path):
    data = {"dots": dots("drawn-dots", stand_in="dots")}
    seen = Seen(results(tmp_path, claiming(), data)._repr_html_())
    assert "drawn-dots stands in for dots: drawings that say nothing about it." in seen.words


def test_results_without_a_finished_run(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        results(tmp_path, claiming(), stop_after=3)
    found = run(claiming(), data={"dots": dots()}, engine=FakeEngine(), store=tmp_path / "other.db", seeds=[0])
    found.store = Store.open(tmp_path / "shoal.db")
    seen = Seen(html(found))
    assert "No run has finished yet." in seen.words
    assert "svg" not in seen.tags


def test_diverged_runs_are_counted(tmp_path):
    def config(lr):
        return tiny_config(lr)

    seen = Seen(results(tmp_path, Study("far", config, Grid(lr=[0.1, 100.0]), seeds=[0, 1]))._repr_html_())
    assert "diverged" in seen.words
    assert seen.words.endswith("lr 100.02––2")


def test_curves_show_training_and_validation():
    config = Config(data="dots", model=mlp(4), optimizer=SGD(lr=0.1), epochs=4)
    seen = Seen(imagined.curves(config, label="lr 0.1", diverged=[2])._repr_html_())
    assert "MLP 784–4–10 relu · dots · n = 3 seeds · 1 run diverged" in seen.words
    assert seen.words.count("training") == 4, "in two charts, and in words on them"


def test_curves_begin_where_something_is_learnt():
    x, values = np.arange(4), np.array([[9.0, 2.0, 1.0, 0.5], [9.0, 2.5, np.nan, np.nan]])
    early, late = fragments.curves("loss", [("a", x, values[1:], 1)]), fragments.curves("loss", [("a", x, values, 3)])
    assert (">0</text>" in early, ">8</text>" in early) == (True, True), "epoch 0, at which the loss is 9"
    assert (">0</text>" in late, ">8</text>" in late) == (False, False)


def test_a_verdict_has_its_mark_and_word(tmp_path):
    found = results(tmp_path, claiming())
    (verdict,) = judge([CLAIM], found)
    seen = Seen(verdict._repr_html_())
    assert "…Too few seeds less “Faster is better.”" in seen.words


def test_many_configs_get_panels_and_the_rest_is_said(tmp_path):
    def config(lr):
        return tiny_config(lr)

    study = Study("many", config, Grid(lr=[number / 100 for number in range(1, 15)]), seeds=[0])
    text = results(tmp_path, study)._repr_html_()
    assert "2 further configs not drawn" in Seen(text).words
    assert text.count("<svg") == 2


def test_verdicts_of_a_study_stand_one_below_the_other(tmp_path):
    verdicts = results(tmp_path, claiming()).verdicts()
    (one,) = verdicts
    assert verdicts._repr_html_() == one._repr_html_()
    body = one._repr_html_().partition("</style>")[2].removesuffix("</div>")
    assert Verdicts([one, one])._repr_html_().count(body) == 2


def test_their_text_is_short(tmp_path):
    found = results(tmp_path, claiming())
    assert repr(found) == f"StoredResults(rates: 2 configs, 3 seeds, in {tmp_path / 'shoal.db'})"
    assert repr(found.all()[0]) == "Curves(lr 0.1: 3 seeds, 3 epochs, softmax regression)"
    assert repr(found.verdicts()[0]) == "Verdict(less: too few seeds, 3 seeds)"


def test_what_it_does_not_know_is_left_to_its_repr():
    assert html(3) is None


def test_light_and_dark_are_the_themes():
    style = fragments.fragment().partition("</style>")[0]
    assert "--ink:#1d2024" in style
    assert "@media (prefers-color-scheme:dark){.shoal-shown{--paper:#16181b" in style
    assert "[data-jp-theme-light=false] .shoal-shown" in style
    assert not set(style) & set("<&") - set("<"), "nothing to escape"


# ---- names that would be markup -----------------------------------------------------------------------


def named(text: str, labels: Sequence[str]) -> Study:
    """A study in which everything that can have a name has this one, and every config one of the labels."""
    model = Model(tiny_config().model.layers, (1, 2, 2), name=text)

    def config(number):
        return Config(data=text, model=model, optimizer=SGD(lr=0.01 * (number + 1)), epochs=2, batch_size=4)

    def label(number):
        return labels[number]

    claims = [
        Claim("one", text, measure="loss", margin="5%", a={"number": 0}, b={"number": 1}, tested=text),
        Untestable("two", text, why=text, tested=text),
    ]
    return Study("named", config, Grid(number=range(len(labels))), seeds=[0], label=label, claims=claims)


def no_more_than(shown: str, known: str) -> str:
    """Sees that one has no tag and no attribute that the other lacks; its words."""
    seen, harmless = Seen(shown), Seen(known)
    assert seen.tags <= harmless.tags
    assert seen.attributes <= harmless.attributes
    return seen.words


@pytest.mark.parametrize("turn", [0, 1])
def test_no_name_becomes_markup_in_a_table(turn):
    labels = PAYLOADS[40 * turn : 40 * (turn + 1)]
    plain = named("plain", ["a", "b"])
    for text in labels:
        study = named(text, labels[:2])
        assert text in no_more_than(study._repr_html_(), plain._repr_html_())
        model = study.points[0].config.model
        assert text in no_more_than(model._repr_html_(), plain.points[0].config.model._repr_html_())
    words = no_more_than(named("plain", labels)._repr_html_(), plain._repr_html_())
    assert all(label in words for label in labels)


def test_no_label_becomes_markup_in_a_chart(monkeypatch):
    def chart(labels):
        return fragments.curves("loss", [(label, np.arange(3), np.ones((2, 3)), 2) for label in labels])

    monkeypatch.setattr(fragments, "ON_ONE_PLANE", len(PAYLOADS))
    monkeypatch.setattr(fragments, "MOST_PANELS", len(PAYLOADS))
    words = no_more_than(chart(PAYLOADS), chart(["a", "b"]))
    assert all(label in words for label in PAYLOADS)


@pytest.mark.parametrize("text", ["</svg></style></title><script>alert(1)</script>", '" onload="alert(1)', "<!--"])
def test_no_name_becomes_markup_in_results(tmp_path, text):
    plain = results(tmp_path, named("plain", ["a", "b"]), {"plain": dots("plain", stand_in="plain")})
    found = results(tmp_path, named(text, [text, text + text]), {text: dots(text, stand_in=text)})
    pairs = [(found, plain), (found.all()[0], plain.all()[0]), *zip(found.verdicts(), plain.verdicts(), strict=True)]
    for hostile, harmless in pairs:
        assert text in no_more_than(hostile._repr_html_(), harmless._repr_html_())


def test_what_is_no_unicode_is_shown_as_well_as_it_can_be():
    model = Model(tiny_config().model.layers, (1, 2, 2), name="a\ud800b")
    assert "a?b" in model._repr_html_()


# ---- while it goes on ---------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch):
    """A stand-in for a kernel: what was displayed, and every later picture of it."""
    here = SimpleNamespace(shell=SimpleNamespace(kernel=object(), execution_count=1), shown=[])

    def display(bundle, *, raw, display_id):
        assert raw
        assert display_id
        here.shown.append([bundle])
        return SimpleNamespace(update=lambda bundle, raw: here.shown[-1].append(bundle))

    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython, module.display = lambda: here.shell, display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return here


def test_a_run_is_one_output_that_grows_and_ends_with_the_results(tmp_path, notebook, monkeypatch):
    monkeypatch.setattr(cell, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(cell, "SHARE", 0.0)
    found = results(tmp_path, tiny_study(seeds=[0], epochs=2))
    (pictures,) = notebook.shown
    words = [Seen(picture["text/html"]).words for picture in pictures]
    assert words[0] == "ratesTraining 2 runs, 4 epochs."
    assert "rates1 of 4 epochs" in " ".join(words)
    assert len(pictures) == 1 + 2 * 3 + 1, "a plan, every record, the results"
    assert "<svg" in pictures[5]["text/html"]
    assert "seed 0" in words[5]
    assert "2 of 2 runs ended" in words[-1]
    assert pictures[-1]["text/plain"] == repr(found)


def test_the_same_cell_does_not_show_the_results_twice(tmp_path, notebook):
    found = results(tmp_path, claiming())
    assert found._repr_html_() is None
    notebook.shell.execution_count = 2
    assert "6 of 6 runs ended" in found._repr_html_()


def test_it_is_redrawn_at_most_every_second(tmp_path, notebook, monkeypatch):
    monkeypatch.setattr(cell, "SECONDS_BETWEEN", 1.0)
    clock = iter(np.arange(0, 1000, 0.125))
    monkeypatch.setattr(cell, "monotonic", lambda: next(clock))
    results(tmp_path, claiming())
    ((_, *pictures, _),) = notebook.shown
    assert 2 <= len(pictures) <= 24 * 0.125 + 1


def test_an_interrupt_leaves_what_is_stored(tmp_path, notebook):
    with pytest.raises(KeyboardInterrupt):
        results(tmp_path, claiming(), stop_after=10)
    last = notebook.shown[0][-1]["text/html"]
    assert "Stopped after 4 of 18 epochs. They are stored; the same call goes on from there." in Seen(last).words
    assert "<svg" in last
    assert "seed 0" not in last, "nothing runs any more"
    results(tmp_path, claiming())
    assert "6 of 6 runs ended" in notebook.shown[1][-1]["text/html"]


def test_a_picture_that_fails_stops_no_training(tmp_path, notebook, monkeypatch):
    def fail(*_, **__):
        raise ValueError("no room on <paper>")

    monkeypatch.setattr(cell.fragments, "curves", fail)
    found = results(tmp_path, claiming())
    pictures = [one["text/html"] for one in notebook.shown[0]]
    assert "cannot be drawn, training goes on: no room on &lt;paper&gt;" in pictures[-2]
    assert "The results cannot be drawn, and are stored: no room on &lt;paper&gt;" in pictures[-1]
    assert len(found.all()) == 2


@pytest.mark.parametrize("where", ["nowhere", "terminal", "told not to"])
def test_elsewhere_nothing_is_shown(tmp_path, notebook, monkeypatch, where):
    if where == "nowhere":
        monkeypatch.delitem(sys.modules, "IPython")
    elif where == "terminal":
        del notebook.shell.kernel
    heard: list[EpochRecord] = []
    run(
        claiming(),
        data={"dots": dots()},
        engine=FakeEngine(),
        store=tmp_path / "shoal.db",
        show=where != "told not to",
        on_record=heard.append,
    )
    assert notebook.shown == []
    assert len(heard) == 24


def test_whoever_listens_hears_every_record_in_a_notebook_too(tmp_path, notebook):
    heard: list[EpochRecord] = []
    run(claiming(), data={"dots": dots()}, engine=FakeEngine(), store=tmp_path / "shoal.db", on_record=heard.append)
    assert len(heard) == 24
