# SPDX-License-Identifier: Apache-2.0
"""A verdict as plain data, for report.json and for `--json`."""

from math import isfinite
from typing import Any

from shoal.analysis.claims import Claim, Untestable
from shoal.analysis.verdicts import Verdict
from shoal.rulings.numbers import Scale


def record(verdict: Verdict, section: str) -> dict[str, Any]:
    """Everything about a verdict as plain data: an entry of report.json's "claims". What is infinite is None."""
    return {name: _finite(value) for name, value in _record(verdict, section).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _record(verdict: Verdict, section: str) -> dict[str, Any]:
    claim, found, exact = verdict.claim, verdict.comparison, verdict.found
    return {
        "id": claim.id,
        "section": section,
        "says": claim.says,
        "tested": claim.tested,
        "verdict": verdict.word,
        "how": verdict.how,
        "estimate": found.estimate if found else exact.value if exact else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "margin": found.margin if found else exact.bound if exact else None,
        "n": verdict.n,
        "p": found.p if found else None,
        "p_better": verdict.p_better,
        "needed": verdict.needed,
        "measure": claim.measure.name if isinstance(claim, Claim) else exact.measure or None if exact else None,
        "beside": exact.beside or None if exact else None,
        "unit": Scale(claim).unit.strip() if isinstance(claim, Claim) else exact.unit if exact else None,
        "direction": claim.direction if isinstance(claim, Claim) else None,
        "region": list(claim.region) if isinstance(claim, Claim) else None,
        "level": found.level if found else None,
        "method": found.method if found else "exact" if exact else None,
        "correlation": found.correlation if found else None,
        "flip": verdict.flip,
        "primary": claim.primary if isinstance(claim, Claim) else None,
        "so_far": verdict.so_far,
        "seeds": list(verdict.seeds),
        "each": found.each.tolist() if found else [],
        "a": {"label": verdict.a.label, "configs": list(verdict.a.hashes)} if verdict.a else None,
        "b": {"label": verdict.b.label, "configs": list(verdict.b.hashes)} if verdict.b else None,
        "elsewhere": verdict.elsewhere._asdict() if verdict.elsewhere else None,
        "why": claim.why if isinstance(claim, Untestable) else None,
    }
