# SPDX-License-Identifier: Apache-2.0
"""Eighty scripts in every name and word that a section brings to the report: it stays one page without a script, of the
tags and attributes that a harmless report has. `hostile` is also opened in a real browser."""

import json
from dataclasses import replace

import pytest

from script_payloads import PAYLOADS
from shoal import figures
from shoal.analysis.claims import Untestable
from shoal.figures import Series
from shoal.models import Model, softmax_regression
from shoal.studies.section import Figure, Prose, Section, Table
from shoal.study import Grid, Study
from test_report import MadeUp, Page, config, written

HARMLESS = tuple(f"name {number}" for number in range(len(PAYLOADS)))


def called(names):
    """A section that says nothing but these names, wherever a section can: its text, tables, figures, study, claims."""

    def named(lr, turn):
        plain = softmax_regression()
        return config(lr).replace(model=Model(plain.layers, plain.input_shape, name=names[turn]))

    def chapter(results):
        series = [Series(name, range(3), [[1, 2, number], [1, 2, number]]) for number, name in enumerate(names)]
        chart = figures.curves(series, x_title=names[0], y_title=names[1])
        rows = [[name, name] for name in names]
        return [
            *map(Prose, names),
            Figure("figure", chart, " ".join(names), [dict.fromkeys(names, name) for name in names]),
            Table("table", [names[2], names[3]], rows, names[4], [dict.fromkeys(names[:3], 1)]),
        ]

    grid = Grid(lr=[0.1], turn=[0]) + Grid(lr=[0.2], turn=[1])
    claims = [Untestable(f"c{number}", name, why=name, tested=name) for number, name in enumerate(names)]
    study = Study("called", named, grid, label=lambda lr, turn: names[turn], claims=claims)
    return Section("1.2", names[0], names[1], chapter, names[2], study)


class Called(MadeUp):
    """Results on data whose name, source and classes are such names too, and stand in for others."""

    def __init__(self, names):
        super().__init__(stand_in=names[0])
        self.data = replace(self.data, name=names[1], source=names[2], classes=tuple(names))


def hostile(folder, names=PAYLOADS):
    """The report's page and its numbers."""
    return written(folder, Called(names), sections=(called(names),))


def plainly(text):
    """Without what the report adds to a text, or takes as a mark of its own: spaces that hold, code."""
    return "".join(text.replace("\N{WORD JOINER}", "").replace("\N{NO-BREAK SPACE}", " ").replace("`", "").split())


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return [hostile(tmp_path_factory.mktemp("report"), names) for names in (PAYLOADS, HARMLESS)]


def test_the_report_has_no_tag_and_no_attribute_by_a_name(pages):
    found, plain = (Page(html) for html, _ in pages)
    assert found.open == []
    allowed = {(tag, name) for tag, attributes in plain.tags for name in attributes}
    assert {tag for tag, _ in found.tags} - {tag for tag, _ in plain.tags} <= {"code", "em"}
    assert {(tag, name) for tag, attributes in found.tags for name in attributes} <= allowed


def test_the_report_says_every_name_as_it_is(pages):
    (html, record), _ = pages
    words = plainly(" ".join(Page(html).words))
    assert [name for name in PAYLOADS if plainly(name) not in words] == []
    assert all(json.dumps(name)[1:-1] in json.dumps(record) for name in PAYLOADS)
