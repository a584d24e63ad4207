# SPDX-License-Identifier: Apache-2.0
"""Eighty scripts asked for in Play: none is anything to choose, and none becomes code in the study file that it writes.
(`browser/test_payloads.py` sees what a browser makes of them.)"""

import ast
import itertools
import json

import pytest

from fakes import FakeEngine, dots
from script_payloads import PAYLOADS
from shoal.live.app import application
from shoal.live.asks_fields import FIELDS
from shoal.live.guard import Door
from shoal.live.lab import Lab
from visitors import OWN, Visitor

DOOR = Door(7117)
CODE = (
    '"\nimport os\n"',
    "'\nimport os\n'",
    '"""\nimport os\n"""',
    '\\"',
    "\\",
    "a\rimport os",
    "{lr}",
    "%s",
    "\u2028import os",
)
"""Names that would be Python if somebody put them between quotes as they are."""


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    """Who has every key, where every name is one of data."""
    data = dict.fromkeys(["dots", *PAYLOADS, *CODE], dots())
    with Lab(tmp_path_factory.mktemp("lab") / "shoal.db", data, engine=FakeEngine()) as lab:
        yield Visitor(application(lab, DOOR), DOOR)


def test_a_script_is_nothing_to_choose(visitor):
    """In every field that is a word, but for data, to be trained and as Python."""
    words = [field.name for field in FIELDS if field.kind == "choice" and field.name != "data"]
    assert {"model.kind", "model.activation", "optimizer.kind", "init", "loss"} <= set(words)
    headers = {**visitor.usual, "origin": OWN, "content-type": "application/json"}
    asked = []
    for word, script, what in itertools.product(words, PAYLOADS, ("train", "python")):
        group, _, name = word.rpartition(".")
        setting = {"data": "dots", **({group: {name: script}} if group else {name: script})}
        asked.append(("POST", f"/api/play/{what}", headers, json.dumps({"settings": [setting]}).encode()))
    for found in visitor.all(asked):
        assert (found.status, found["content-type"]) == (400, "application/json")
        assert "Use one of" in found.json["error"]


def test_a_script_for_a_name_stays_a_name_in_the_study_file(visitor):
    def python(name, *rates):
        settings = [{"data": name, "lr": rate} for rate in rates]
        return ast.parse(visitor.post("/api/play/python", {"settings": settings}).json["python"])

    def shape(tree):
        """What it is made of, but for the values of its constants."""
        return [(type(node), getattr(node, "id", "")) for node in ast.walk(tree)]

    for rates in ((0.1,), (0.1, 0.2)):
        plain = shape(python("dots", *rates))
        for name in (*PAYLOADS, *CODE):
            tree = python(name, *rates)
            assert shape(tree) == plain
            assert name in [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
