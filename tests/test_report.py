# SPDX-License-Identifier: Apache-2.0
"""The report room: one self-contained page, its files and its numbers, from results that are made up here."""

import base64
import csv
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from shoal import figures, wording
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.data import Dataset, Split
from shoal.losses import CrossEntropy
from shoal.models import lenet, mlp, normal, softmax_regression, xavier_uniform
from shoal.optimizers import SGD, AdamW
from shoal.report import Provenance, compose, write
from shoal.report.configuration import described, model_name, spec_text
from shoal.report.page import marked, numeric, plain
from shoal.report.writing import rows_csv
from shoal.studies.section import Figure, Prose, Section, Table
from shoal.study import Config, Grid, Study

FACTS = {
    "machine": {"processor": "a processor", "cores": 2},
    "versions": {"shoal": "0.1.0", "numpy": "2.3.4"},
    "engine": {"name": "native", "instruction_set": "x86-64-v3"},
}


def config(lr):
    return Config(data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=lr), init=normal(), epochs=3)


STUDY = Study("rates", config, Grid(lr=[0.05, 0.1]))


def dataset(stand_in=""):
    split = Split(np.zeros((20, 1, 28, 28), np.uint8), np.zeros(20, np.uint16))
    return Dataset("fashion-mnist", tuple("abcdefghij"), split, split, "a folder", {"images": "ab" * 32}, stand_in)


class MadeUp:
    """Results of so many seeds, the last of which may have diverged in its second epoch."""

    def __init__(self, seeds=3, *, stand_in="", diverged=False):
        self.seeds, self.data, self.diverged = seeds, dataset(stand_in), diverged

    def all(self):
        return [self._curves(point, turn) for turn, point in enumerate(STUDY.points)] if self.seeds else []

    def curves(self, **values):
        return next(c for c, point in zip(self.all(), STUDY.points, strict=True) if point.values == values)

    def dataset(self, name):
        return self.data

    def _curves(self, point, turn):
        noise = np.random.default_rng(turn).normal(0, 0.01, (self.seeds, 4))
        loss, seconds = np.array([2.3, 0.8, 0.7, 0.6]) + 0.1 * turn + noise, np.abs(noise) + 0.1
        lost = self.diverged and self.seeds > 0
        if lost:
            loss[-1, 2:] = seconds[-1, 2:] = np.nan
        ends = (None,) * (self.seeds - lost) + (5,) * lost
        steps = np.ones((self.seeds, 12), np.float32)
        seeds = tuple(range(self.seeds))
        return Curves(point.config, point.label, seeds, loss, 1 - loss / 3, loss, 1 - loss / 3, seconds, steps, ends)


def chapter(results):
    group = results.all()
    series = [(one.label, one.epochs, one.validation_loss) for one in group]
    ends = [mean_interval(one.final("validation_loss")) for one in group]
    chart = figures.curves(series, x_title="epoch", y_title="validation loss", ordered=True)
    rows = [[one.label, str(end.n), wording.measured(end)] for one, end in zip(group, ends, strict=True)]
    records = [{"label": one.label, "n": end.n, "loss": end.mean} for one, end in zip(group, ends, strict=True)]
    data = figures.curve_rows(series, x="epoch", y="loss")
    return [
        Prose(f"Loss ends at *{wording.measured(ends[0])}* with `lr=0.05`, <not> a tag & not markup."),
        Figure("loss", chart, f"It falls. n = {ends[0].n}.", data, wide=True),
        Table("loss", ["rate", "n", "loss"], rows, "The end.", records),
    ]


SECTION = Section("1.2", "Rates", "Which rate?", chapter, "“.1 is <best>”", STUDY)
PROBE = Section("1.4", "Exact", "What is exact?", lambda results: [Prose("One half is exact.")])


def written(folder, results, seeds=10, sections=(SECTION, PROBE)):
    index = write(folder, [(section, results) for section in sections], Provenance(FACTS, "make report", seeds))
    return index.read_text("utf-8"), json.loads((folder / "report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, *written(folder, MadeUp(diverged=True))


class Page(HTMLParser):
    """Tags with their attributes, ids, and the words a reader sees; drawings and styles apart."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "image"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if not {"svg", "style", "title"} & set(self.open):
            self.words.append(data)


def test_page_is_one_self_contained_well_formed_file(report):
    _, html, _ = report
    page = Page(html)
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href", "xlink:href", "srcset", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")]
    assert links
    assert set(links) <= set(ids)


def test_words_are_escaped_and_marked(report):
    _, html, _ = report
    assert "<code>lr=0.05</code>, &lt;not&gt; a tag &amp; not markup." in html
    assert "“.1 is &lt;best&gt;”" in html
    assert "<em>" in html
    assert str(marked("a * b * c, `x*y*z` and *so*")) == "a * b * c, <code>x*y*z</code> and <em>so</em>"


def test_what_belongs_together_stays_on_one_line():
    tied = lambda text: str(marked(text)).replace("\N{NO-BREAK SPACE}", "~").replace("\N{WORD JOINER}", "")  # noqa: E731
    assert tied("n = 1 seed.") == "n~=~1~seed."
    assert tied("at lr 0.1 and batch 32, 4.9 × 10⁻⁴ ± .2") == "at lr~0.1 and batch~32, 4.9~×~10⁻⁴~±~.2"
    assert tied("after 10 epochs and 441 ms, lr · λ / 2") == "after 10~epochs and 441~ms, lr~·~λ~/~2"
    assert "2\N{WORD JOINER}/\N{WORD JOINER}λ" in str(marked("2/λ"))
    assert tied("1 and 2 are; numbers after ± are") == "1 and 2 are; numbers after ± are"
    assert tied("`a / b`") == "<code>a / b</code>"


NUMBER = re.compile(r"(?<![\w.])[−-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?!\w)")


def values(content):
    """Every number in JSON, those in its texts too."""
    if isinstance(content, dict):
        return [v for key, value in content.items() for v in values(value) + values(key)]
    if isinstance(content, list):
        return [v for value in content for v in values(value)]
    if isinstance(content, str):
        return [as_number(found) for found in NUMBER.findall(content)]
    return [] if content is None or isinstance(content, bool) else [float(content)]


def as_number(text):
    return float(text.replace("−", "-").replace(",", ""))


def unfound(html, record):
    """Numbers that the page shows and the record lacks, rounded as they are shown."""
    known = np.array(values(record))
    words = " ".join(Page(html).words)
    missing = []
    for text in NUMBER.findall(words):
        decimals = len(text.partition(".")[2])
        if not np.any(np.abs(known - as_number(text)) <= 0.5001 * 10.0**-decimals):
            missing.append(text)
    return missing


def test_every_number_of_the_page_is_in_the_record(report):
    _, html, record = report
    assert unfound(html, record) == []
    assert unfound(html.replace("</main>", "<p>some 987654.3</p></main>"), record) == ["987654.3"]


def test_record_holds_schema_and_runs(report):
    _, _, record = report
    assert record["schema"] == 1
    assert record["data"] | {"train": 20} == record["data"]
    assert {"name", "source", "stand_in", "sha256"} <= set(record["data"])
    section = record["sections"][0]
    assert (section["id"], section["title"]) == ("1.2", "Rates")
    result = section["results"][1]
    assert result["hash"] == STUDY.points[1].config.hash
    assert result["config"]["optimizer"] == {"type": "SGD", "lr": 0.1}
    assert result["config"]["batch_size"] == 256
    expected = MadeUp(diverged=True).all()[1]
    run = result["runs"][0]
    assert (run["seed"], run["status"]) == (0, "finished")
    assert [epoch["epoch"] for epoch in run["epochs"]] == [0, 1, 2, 3]
    assert [epoch["validation_loss"] for epoch in run["epochs"]] == list(expected.validation_loss[0])
    assert set(run["epochs"][0]) == {
        "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds"
    }  # fmt: skip
    lost = result["runs"][2]
    assert (lost["status"], lost["diverged_at"], len(lost["epochs"])) == ("diverged", 5, 2)
    assert section["tables"]["loss"]["records"][0]["loss"] == pytest.approx(0.6, abs=0.1)


def test_figures_are_saved_with_their_data(report):
    folder, html, record = report
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["1.2-loss.csv", "1.2-loss.svg"]
    text = (folder / "figures" / "1.2-loss.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert float(rows[-1]["loss"]) == record["sections"][0]["figures"]["loss"]["rows"][-1]["loss"]
    (link,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', html)
    assert base64.b64decode(link).decode() == text
    assert not list(folder.rglob(".*"))


def test_figures_of_an_earlier_report_are_removed_and_nothing_else(tmp_path):
    mine = [tmp_path / "figures" / f"1.2-{name}" for name in ("old.svg", "old.csv")]
    others = [tmp_path / "figures" / name for name in ("1.2-notes.svg", "map.svg", "map.csv", "1.9-x.csv")]
    (tmp_path / "figures").mkdir()
    for path in mine + others:
        path.write_text("x")
    written(tmp_path, MadeUp())
    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in others)
    assert (tmp_path / "figures" / "1.2-loss.svg").exists()


def test_one_line_tells_when_of_what_and_where(report):
    _, html, record = report
    assert re.fullmatch(r"Written \d+ \w+ \d{4}, \d\d:\d\d UTC · Fashion-MNIST · a processor", record["origin"])
    assert record["origin"] in html


def test_the_same_results_give_the_same_bytes(report, tmp_path):
    folder, html, _ = report
    again, _ = written(tmp_path, MadeUp(diverged=True))
    stamp = re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+|\d+ \w+ \d{4}, \d\d:\d\d UTC")
    assert stamp.sub("", again) == stamp.sub("", html)
    svg = "figures/1.2-loss.svg"
    assert (tmp_path / svg).read_bytes() == (folder / svg).read_bytes()


def test_seeds_so_far(report, tmp_path):
    _, html, record = report
    assert "<strong>3 of 10 seeds</strong> so far" in html
    assert record["seeds"] == {"done": 3, "asked": 10}
    html, _ = written(tmp_path, MadeUp(1), seeds=1)
    assert "<strong>1 of 1 seed</strong> done" in html
    assert "±" not in " ".join(Page(html).words)


def test_a_section_without_runs_says_so(tmp_path):
    html, record = written(tmp_path, MadeUp(0))
    assert "No run of its 2 configurations has finished yet." in html
    assert record["seeds"]["done"] == 0
    assert record["sections"][0]["results"] == []
    assert "SGD, lr 0.05 and 0.1" in html.replace("\N{NO-BREAK SPACE}", " ")


STAMP = "on the stand-in; says nothing of Fashion-MNIST"


def test_the_stand_in_is_stamped_everywhere(report, tmp_path):
    _, html, _ = report
    assert STAMP not in html
    html, record = written(tmp_path, MadeUp(stand_in="fashion-mnist"))
    tags = [attributes.get("class") for _, attributes in Page(html).tags]
    assert tags.count("stamp") == html.count(STAMP) == 6  # header, two chapters, figure, table, provenance
    assert record["stamp"] == record["sections"][0]["stamp"] == STAMP
    assert STAMP in (tmp_path / "figures" / "1.2-loss.svg").read_text()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "figures" / "1.2-loss.csv").read_text())))
    assert {row["note"] for row in rows} == {STAMP}


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    written(tmp_path, MadeUp())
    before = (tmp_path / "index.html").read_bytes()

    def full(_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        written(tmp_path, MadeUp(2))
    assert (tmp_path / "index.html").read_bytes() == before
    assert not list(tmp_path.rglob(".*"))


def test_configuration_in_words():
    rows = dict(described([point.config for point in STUDY.points], MadeUp().all(), [dataset()]))
    assert rows["data"] == "Fashion-MNIST: 20 training and 20 test images"
    assert rows["model"] == "softmax regression, 7,850 parameters"
    assert rows["optimizer"] == "SGD, lr 0.05 and 0.1"
    assert rows["initial weights"] == "Normal, std 0.01"
    assert rows["validation"] == "on the official test split"
    assert rows["seeds done"] == "3"
    two = [config(0.1), config(0.1).replace(model=lenet(), holdout=100)]
    rows = dict(described(two, [], [dataset()]))
    assert rows["model"].startswith("softmax regression, 7,850 parameters; LeNet")
    assert rows["seeds done"] == "none yet"
    assert rows["validation"] == "on the official test split and on 100 training images held out"
    assert dict(described(two[1:], [], [dataset()]))["validation"] == "on 100 training images held out"
    assert "loss" not in rows
    forms = [config(0.1).replace(loss=CrossEntropy(form)) for form in ("log-sum-exp", "shifted", "naive")]
    assert dict(described(forms, [], [dataset()]))["loss"] == "cross-entropy, log-sum-exp, shifted and naive"


def test_labels_for_people():
    assert [plain(label) for label in ("lr 1.0", "batch_size 32", "lr 0.05")] == ["lr 1", "batch size 32", "lr 0.05"]


def test_specs_and_models_have_readable_names():
    assert spec_text(xavier_uniform()) == "Xavier uniform"
    assert spec_text(SGD(lr=1.0, weight_decay=0.5)) == "SGD, lr 1, weight decay 0.5"
    assert spec_text(AdamW(lr=0.001)).startswith("AdamW, lr 0.001")
    named = lambda model: model_name(config(0.1).replace(model=model))  # noqa: E731
    assert named(mlp(64, 64, 64)) == "MLP 784–3×64–10 ReLU"
    assert named(mlp()) == "softmax regression"
    assert named(lenet("relu", "avg")) == "LeNet ReLU + average"


def test_document_counts_a_prefix_once():
    class Prefix(MadeUp):
        def all(self):
            long = super().all()[0]
            names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
            cut = {name: getattr(long, name)[:, :3] for name in names}
            return [long, replace(long, config=long.config.replace(epochs=2), **cut)]

    document = compose([(SECTION, Prefix(2))], Provenance(FACTS, "make report", 2))
    assert (document.runs, document.epochs) == (4, 6)


def test_csv_and_cells():
    assert rows_csv([{"a": 1, "b": math.nan}, {"a": 'x,"y"', "c": 2.5}]) == 'a,b,c\n1,,\n"x,""y""",,2.5\n'
    assert all(map(numeric, [".831 ± .002", "[.1, .2]", "1,000", "−3", "–", "1.2 × 10⁻⁷", "2.5×", "67.9%", "340 ms"]))
    assert not any(map(numeric, ["lr 0.1", "T-shirt", "Adam", "x", ""]))
