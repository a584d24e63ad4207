# SPDX-License-Identifier: Apache-2.0
"""Verdicts in the report: the table that opens it, each chapter's claims and their figure, and report.json."""

import json
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import test_verdicts as sides
from imagined import Imagined
from shoal import rulings
from shoal.analysis.claims import Claim, Fact, Found, Untestable
from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.report import Provenance, compose, findings, write
from shoal.studies.section import Prose, Section
from shoal.study import Config, Grid, Study
from test_report import FACTS, Page, unfound


def config(lr):
    return Config(data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=lr), init=normal(), epochs=3)


def beats(id, a, b, margin="1 points", **more):
    says, tested = more.pop("says", f"statement {id}"), f"Rate {a} ends above {b}."
    sides = {"a": {"lr": a}, "b": {"lr": b}}
    return Claim(id, says, tested=tested, measure="accuracy", **sides, direction="above", margin=margin, **more)


RATES = [0.01, 0.1, 0.2]
MIXED = [
    beats("1", 0.1, 0.01, says="Large is <b>better</b> & best"),
    beats("2", 0.01, 0.1),
    beats("3a", 0.1, 0.01),
    beats("3b", 0.01, 0.1),
    beats("4", 0.2, 0.1, "5 points"),
    beats("5", 0.1, 0.2, primary=False),
    Untestable("6", "a good balance", "“good” names no measure."),
    *(beats(str(number), 0.1, 0.01, primary=False) for number in range(7, 19)),
]
EXACT = (Fact("19", "it holds", "Two is above 1.", lambda results: Found(True, 2.0, 1.0, "×")),)
EXACT += (Fact("20", "it does not", "One is above 3.", lambda results: Found(False, 1.0, 3.0, "×")),)
ENDS = {0.01: 0.5, 0.1: 0.8, 0.2: 0.85}
"""Accuracies: 4 is on its margin, so it stays open."""


def study(claims):
    return Study("rates", config, Grid(lr=RATES), claims=claims)


def results(of, seeds=10, ends=ENDS, **more):
    return Imagined(of, lambda lr: {"accuracy": ends[lr], "seeds": range(seeds)}, **more)


def made(folder, claims=MIXED, seeds=10, asked=10, exact=EXACT, ends=ENDS, **more):
    trained = study(claims)
    sections = [
        (
            Section("1.2", "Rates", "Which?", lambda found: [Prose("So.")], study=trained),
            results(trained, seeds, ends, **more),
        ),
        (Section("1.4", "Exact", "What?", lambda found: [Prose("So.")], claims=exact), results(None, **more)),
    ]
    index = write(folder, sections, Provenance(FACTS, "make report", asked))
    return index.read_text("utf-8"), json.loads((folder / "report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    return folder, *made(folder)


def table(html):
    """Rows of the opening table: its cells as text."""
    (body,) = re.findall(r'<table class="answer".*?<tbody[^>]*>(.*?)</tbody>', html, re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in row] for row in cells]


def block(html, id):
    """What a chapter says of one claim, as text."""
    (found,) = re.findall(rf'<li id="claim-{id}".*?</li>', html, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found)).split())


# ---- the page that answers ------------------------------------------------------------------------------


def test_the_report_opens_with_a_row_for_every_statement(report):
    _, html, record = report
    assert [row[0] for row in table(html)] == [str(number) for number in range(1, 21)]
    assert html.index('class="answer"') < html.index("<nav")
    links = re.findall(r'<th role="rowheader" scope="row"><a href="#([^"]+)"', html)
    assert links[2] == "claim-3a"
    assert all(f'id="{link}"' in html for link in links)
    assert [one["id"] for one in record["statements"]] == [row[0] for row in table(html)]


def test_every_verdict_has_its_mark_and_its_word(report):
    _, html, _ = report
    shown = {row[0]: row[2] for row in table(html)}
    assert shown["1"] == "✓ Supported"
    assert shown["2"] == "✗ Refuted (opposite)"
    assert shown["3"] == "◐ Partly (1 of 2)"
    assert shown["4"] == "? Inconclusive"
    assert shown["6"] == "– Not testable"
    assert (shown["19"], shown["20"]) == ("✓ Supported", "✗ Refuted")
    assert {text.split(" ")[0] for text in shown.values()} == set(rulings.MARKS.values()) - {"…"}


def test_too_few_seeds_are_told_so(tmp_path):
    html, record = made(tmp_path, seeds=5, asked=5)
    assert {row[2] for row in table(html)[:5]} == {"… Too few seeds"}
    assert "have too few seeds for a verdict" in " ".join(Page(html).words)
    assert {one["verdict"] for one in record["claims"] if one["n"]} == {"too few seeds"}


def test_one_sentence_counts_the_outcome(report, tmp_path):
    _, html, record = report
    words = [one["verdict"] for one in record["statements"]]
    kinds = ("supported", "refuted", "partly", "inconclusive", "not testable")
    assert [words.count(kind) for kind in kinds] == [14, 3, 1, 1, 1]
    counts = "14 are supported, 3 are refuted, 1 is supported only in part, 1 is inconclusive and 1 cannot be tested"
    assert f'<p class="lead">Of the original’s 20 statements, {counts}.</p>' in html
    turned, _ = made(tmp_path, ends={0.01: 0.8, 0.1: 0.5, 0.2: 0.5})
    assert "2 are supported, 15 are refuted" in turned


def test_other_runs_give_other_words_and_numbers(report, tmp_path):
    _, html, _ = report
    other, _ = made(tmp_path, ends={0.01: 0.8, 0.1: 0.5, 0.2: 0.5})
    before, after = table(html)[0], table(other)[0]
    assert (before[2], after[2]) == ("✓ Supported", "✗ Refuted (opposite)")
    assert before[4] != after[4]
    assert block(html, "1") != block(other, "1")


def test_numbers_are_those_of_the_record(report):
    _, html, record = report
    claims = {one["id"]: one for one in record["claims"]}
    decided = {one["id"]: claims[one["decided_by"]] for one in record["statements"]}
    for row in table(html):
        one = decided[row[0]]
        assert row[4].removeprefix(f"{one['id']} ") == one["printed"]["deciding"]
        assert row[5] == one["printed"]["bound"]
        assert row[6] == ("exact" if one["method"] == "exact" else "–" if one["n"] is None else str(one["n"]))
    estimate = 100 * claims["1"]["estimate"]
    assert float(claims["1"]["printed"]["deciding"].split(" ")[0]) == pytest.approx(estimate, abs=0.5)


def test_every_number_of_the_page_is_in_the_record(report):
    _, html, record = report
    known = [100 * one[name] for one in record["claims"] for name in ("level", "p_better") if one[name]]
    known += [100 * end for one in record["claims"] if one["elsewhere"] for end in one["elsewhere"].values()]
    known += [100 * record["rules"][name] for name in ("level", "share_of_seeds")]
    hundred = re.sub(r"of a hundred intervals", "", html)
    assert unfound(hundred, record | {"hundredfold": known}) == []


# ---- while seeds arrive, on a stand-in, of some sections -------------------------------------------------


def test_so_far_is_said_at_the_top_and_in_each_row(report, tmp_path):
    _, html, _ = report
    assert "so far" not in " ".join(cell for row in table(html) for cell in row)
    html, record = made(tmp_path, seeds=6)
    assert '<p class="lead">So far, of the original’s 20 statements' in html
    assert "<strong>6 of 10 seeds</strong> so far" in html
    late = {one["id"] for one in record["statements"] if one["so_far"]}
    assert late == {row[0] for row in table(html) if row[2].endswith("so far")} == set(map(str, range(1, 19))) - {"6"}
    assert "so far 1 Large" in block(html, "1")


def test_a_stand_in_claims_nothing_of_the_real_thing(tmp_path):
    html, _ = made(tmp_path, stand_in="fashion-mnist")
    stamp = "on the stand-in; says nothing of Fashion-MNIST"
    assert '<p class="lead">On the stand-in, of the original’s' in html
    top = html[: html.index("<nav")]
    assert top.count(stamp) == 2
    assert 'scope="col">On the stand-in</th>' in top
    assert "nothing is held against the original’s words" in html


def test_a_report_of_some_sections_shows_their_statements_only(tmp_path):
    section = Section("1.4", "Exact", "What?", lambda found: [Prose("So.")], claims=EXACT)
    index = write(tmp_path, [(section, results(None))], Provenance(FACTS, "make report", 1))
    html = index.read_text("utf-8")
    assert [row[0] for row in table(html)] == ["19", "20"]
    assert "Of the original’s 2 statements, 1 is supported and 1 is refuted." in html


def test_a_report_without_claims_has_no_table_and_no_glossary(tmp_path):
    section = Section("1.4", "Exact", "What?", lambda found: [Prose("So.")])
    index = write(tmp_path, [(section, results(None))], Provenance(FACTS, "make report", 1))
    html = index.read_text("utf-8")
    assert 'class="answer"' not in html
    assert 'id="glossary"' not in html


# ---- each chapter's claims ------------------------------------------------------------------------------


def test_each_claim_has_its_sentence_what_would_flip_it_and_what_stands_behind(report):
    _, html, record = report
    one = record["claims"][0]
    said = " ".join(block(html, "1").replace("\N{NO-BREAK SPACE}", " ").split())
    assert one["printed"]["sentence"] in said
    assert one["printed"]["flips"] in said
    assert one["tested"] in said
    for hash in one["a"]["configs"] + one["b"]["configs"]:
        assert f'<code title="{hash}">{hash[:8]}</code>' in html
    assert "before the runs (primary)" in said
    assert "on clothes like these" in said
    assert "5, exploratory" in block(html, "5")


def test_what_needs_no_seeds_shows_its_wording_outright(report):
    _, html, _ = report
    assert "Tested: Two is above 1. Supported, exactly" in block(html, "19")
    assert "<details>" not in html[html.index('id="claim-19"') :].partition("</ol>")[0]
    assert "What an exact computation says of it" in html
    assert "Not testable: “good” names no measure." in block(html, "6")


def test_every_seed_is_listed(report):
    _, html, record = report
    one = record["claims"][0]
    (found,) = re.findall(r'<li id="claim-1".*?</li>', html, re.DOTALL)
    rows = re.findall(
        r'<tr><th scope="row">(\d+)</th><td class="n">(.*?)</td><td class="n">(.*?)</td><td class="n">(.*?)</td>', found
    )
    assert [int(row[0]) for row in rows] == one["seeds"] == list(range(10))
    assert [row[3] for row in rows] == [findings.number(each) for each in one["each"]]
    assert [row[1] for row in rows] == [findings.number(each) for each in one["a"]["values"]]


def test_words_are_escaped(report):
    _, html, _ = report
    assert "<b>better" not in html
    assert html.count("Large is &lt;b&gt;better&lt;/b&gt; &amp; best") == 3  # the row, its title, the claim


def test_the_figure_has_a_row_per_claim_and_a_value_per_seed(report):
    folder, _, record = report
    rows = record["sections"][0]["figures"]["claims"]["rows"]
    judged = [one for one in record["claims"] if one["n"]]
    assert [row["claim"] for row in rows] == [one["id"] for one in judged]
    for row, one in zip(rows, judged, strict=True):
        assert [row[f"seed {seed}"] for seed in one["seeds"]] == one["each"]
        assert (row["estimate"], row["low"], row["high"]) == (one["estimate"], one["low"], one["high"])
    assert (folder / "figures" / "1.2-claims.svg").exists()
    assert "claims" not in record["sections"][1]["figures"]


def test_the_caption_tells_where_intervals_lie(report):
    _, _, record = report
    caption = record["sections"][0]["figures"]["claims"]["caption"]
    assert "wholly outside: 2, 3b and 5; across the bound: 4." in caption
    assert caption.endswith("n = 10 seeds.")


def test_infinite_seeds_are_told():
    trained = study([Claim("1", "slow", tested="It is slow.", measure="accuracy", a={"lr": 0.1}, b=0.5)])
    lost = Imagined(trained, lambda lr: {"accuracy": 0.8, "seeds": range(10), "diverged": (2, 3)})
    section = Section("1.2", "Rates", "Which?", lambda found: [], study=trained)
    (chapter,) = compose([(section, lost)], Provenance(FACTS, "make report", 10)).chapters
    figure = chapter.blocks[0].block
    assert "is infinite, since a run diverged or did not get there (2 of 10)" in figure.caption
    assert [figure.rows[0][f"seed {seed}"] for seed in (2, 3)] == ["-inf", "-inf"]


def test_what_is_divided_by_nothing_is_told_apart():
    verdict = sides.one(
        sides.claim(sides.LOSS, margin="5%"), np.array([2.0] * 9 + [0.0]), np.array([1.0] * 8 + [0.0, 0.0])
    )
    caption = findings.figure([verdict]).caption
    assert "whose value is infinite, since it is divided by 0 (1 of 10)" in caption
    assert "1 seed is not drawn, since both sides are 0." in caption


def test_the_wider_interval_names_its_own_level(report):
    _, html, record = report
    shared = [one for one in record["claims"] if one["elsewhere"] and one["level"] > 0.951]
    assert shared
    for each in shared:
        assert re.search(rf"like these [^%]*\], {100 * each['level']:.3g}%", block(html, each["id"]))


def test_quotes_are_told_once():
    words = ["Large: unstable, swaying loss", "Large: … swaying loss", "Large: … high loss …, or worse"]
    parts = zip(["3a", "3b", "3c"], words, strict=True)
    verdicts = [compose_one(beats(id, 0.1, 0.01, says=says)) for id, says in parts]
    extra = compose_one(beats("3d", 0.1, 0.01, says="beyond", primary=False))
    (statement,) = rulings.statements([*verdicts, extra])
    assert statement.says == "Large: unstable, swaying loss … high loss …, or worse"


def compose_one(claim):
    trained = study([claim])
    section = Section("1.2", "Rates", "Which?", lambda found: [], study=trained)
    return compose([(section, results(trained))], Provenance(FACTS, "make report", 10)).verdicts[0]


def test_few_seeds_are_drawn_without_intervals():
    trained = study([MIXED[0]])
    section = Section("1.2", "Rates", "Which?", lambda found: [], study=trained)
    (chapter,) = compose([(section, results(trained, 3))], Provenance(FACTS, "make report", 10)).chapters
    assert chapter.blocks[0].block.caption.startswith("Seeds, too few for intervals")
    assert np.isnan(chapter.blocks[0].block.rows[0]["low"])


def test_looks_are_passed_on():
    trained = study([MIXED[0], MIXED[4]])
    section = Section("1.2", "Rates", "Which?", lambda found: [], study=trained)
    planned = replace(Provenance(FACTS, "make report", 30), looks=(10, 20, 30))
    verdicts = compose([(section, results(trained, 10))], planned).verdicts
    assert [(each.word, each.so_far) for each in verdicts] == [("supported", False), ("inconclusive", True)]
