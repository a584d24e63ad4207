# SPDX-License-Identifier: Apache-2.0
"""What the runs say so far about a study's claims, in the report's words. Only of studies whose claims are known."""

from collections.abc import Callable, Mapping
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


class Remembering(StoredResults):
    """Results that remember what is dear to compute from weights and a reader of the store cannot keep in it."""

    remembered: dict[str, Any]

    def probe(self, key: str, compute: Callable[[], Any]) -> Any:
        if key not in self.remembered:
            self.remembered[key] = super().probe(key, compute)
        return self.remembered[key]


def verdicts(
    study: Study,
    watched: Watched,
    store: Store,
    data: Mapping[str, Dataset],
    engine: Engine,
    remembered: dict[str, Any],
) -> list[dict[str, Any]]:
    """A row for each claim, as `shoal verify` would judge it now; none if the store's study only has the same name.

    Args:
        watched: says which seeds were asked for.
        data: by the name that the study's configs use.
        remembered: what earlier verdicts computed, by key; grows.
    """
    seeds = sorted({one.seed for one in watched.replicates}) or None
    results = Remembering(store, study, data, engine, seeds=seeds)
    results.remembered = remembered
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
