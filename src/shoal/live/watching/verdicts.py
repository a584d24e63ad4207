# SPDX-License-Identifier: Apache-2.0
"""What the runs say so far about a study's claims, in the report's words. Only of studies whose claims are known."""

from collections.abc import Mapping
from typing import Any

from shoal import rulings
from shoal.analysis.claims import Untestable
from shoal.analysis.verdicts import Verdict
from shoal.data import Dataset
from shoal.engines import Engine
from shoal.live.watching.gathering import Watched
from shoal.results import StoredResults
from shoal.store import Store
from shoal.study import Study


def verdicts(
    study: Study, watched: Watched, store: Store, data: Mapping[str, Dataset], engine: Engine
) -> list[dict[str, Any]]:
    """A row for each claim, as `shoal verify` would judge it now; none if the store's study only has the same name.

    Args:
        watched: says which seeds were asked for.
        data: by the name that the study's configs use.
    """
    seeds = sorted({one.seed for one in watched.replicates}) or None
    results = StoredResults(store, study, data, engine, seeds=seeds)
    points = results.study.points if results.study else ()
    same = {point.config.hash for point in points} & {setup.key for setup in watched.setups}
    return [_told(verdict) for verdict in results.verdicts()] if same else []


def _told(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    return {
        "id": claim.id,
        "claim": claim.says,
        "tested": "" if isinstance(claim, Untestable) else claim.tested,
        "kind": verdict.word,
        "mark": rulings.mark(verdict),
        "word": rulings.word(verdict),
        "number": rulings.deciding(verdict),
        "sentence": rulings.sentence(verdict),
        "n": verdict.n,
        "so_far": verdict.so_far,
    }
