# SPDX-License-Identifier: Apache-2.0
"""The routes of Play: what may be chosen, or was for a stored run; train it, end it, see how it goes, take it home.

A browser sends settings, never code and never a path; `asks` says what they may be, the trainer trains them.
"""

import threading
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shoal.data import Dataset
from shoal.data.sources import OFFICIAL
from shoal.errors import UsageError
from shoal.live import asks, puzzles
from shoal.live.app import NotFound, answer, body, number
from shoal.live.asks_fields import FIELDS, Field
from shoal.live.asks_settings import Ask, Setting
from shoal.live.asks_stored import setting_of
from shoal.live.asks_words import python, title
from shoal.live.lab import Lab
from shoal.live.trainings import Training
from shoal.results import on_data
from shoal.runner import Demand, check
from shoal.study import Config, Point, Run

_DRAWING = threading.Lock()
"""However many watch, a chart is drawn once."""


MOST_DRAWN = 24
"""Charts of one training that are kept: metrics, scales, widths of pages."""


class TrainAsk(Ask, frozen=True, forbid_unknown_fields=True):
    """What to train, and perhaps instead of what."""

    replace: int | None = None
    """The number of a training that is not wanted any more."""


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number of a training."""

    training: int


# ---- asking -------------------------------------------------------------------------------------------


def form(request: Request) -> Response:
    """What can be chosen, what is chosen at first, and the questions that are ready to be asked."""
    data = _lab(request).datasets()
    first = next(iter(data), "")
    fields = [_with_data(field, data, first) if field.name == "data" else field for field in FIELDS]
    ready = puzzles.offered(data, getattr(_lab(request).engine, "threads", 1))
    return answer({"fields": fields, "defaults": Ask((Setting(data=first),)), "puzzles": ready})


def _with_data(field: Field, data: dict[str, Dataset], first: str) -> Field:
    titles = {name: OFFICIAL[name].title if name in OFFICIAL else name for name in data}
    drawn = {name: " (drawn stand-in)" if dataset.stand_in else "" for name, dataset in data.items()}
    choices = tuple((name, title + drawn[name]) for name, title in titles.items())
    return msgspec.structs.replace(field, choices=choices, default=first)


def train(request: Request) -> Response:
    """Queue what is asked; the answer says under which number, and by which hashes its runs will be stored."""
    lab, asked = _lab(request), body(request, TrainAsk)
    data = lab.datasets()
    study = asks.study(asked, data)
    asks.check_work(study, data, getattr(lab.engine, "threads", 1))
    check(Demand.of([on_data(study, data)]), {dataset.name: dataset for dataset in data.values()})
    id = lab.trainer.ask(study, title=title(asked), replace=asked.replace)
    points = _training(lab, id).study.points
    return answer({"training": id, "settings": [_named(point, asked.seeds) for point in points]})


def _named(point: Point, seeds: int) -> dict[str, Any]:
    runs = [Run(point.config, seed).trajectory for seed in range(seeds)]
    return {"label": point.label, "hash": point.config.hash, "runs": runs}


def cancel(request: Request) -> Response:
    """End a training, or take it out of the queue; what is stored stays."""
    asked = body(request, Cancel)
    if not _lab(request).trainer.cancel(asked.training):
        raise NotFound(f"There is no training {asked.training}.")
    return answer({"training": asked.training})


def as_python(request: Request) -> Response:
    """The study file that asks the same."""
    asked, data = body(request, TrainAsk), _lab(request).datasets()
    asks.study(asked, data)  # refuses what could not be trained
    return answer({"python": python(asked, data)})


def setting(request: Request) -> Response:
    """The setting of a stored run, for the form to be filled with."""
    lab, id = _lab(request), number(request, "run")
    stored = lab.reader().run_of(id)
    if stored is None:
        raise NotFound(f"The store has no run {id}.")
    try:
        return answer(_setting(stored.config, lab.datasets()))
    except UsageError as reason:
        raise UsageError(f"Play cannot ask for run {id}. {reason}") from None


def _setting(stored: Config, data: dict[str, Dataset]) -> Setting:
    for asked, dataset in data.items():
        if dataset.name == stored.data:
            return setting_of(stored, asked, dataset)
    raise UsageError(f"Its data, {stored.data!r}, is not here.")


# ---- looking ------------------------------------------------------------------------------------------


def chart(request: Request) -> Response:
    """The curves of a training as far as they are, and the difference of its two settings."""
    from shoal.live.play_charts import shown

    lab = _lab(request)
    training = _training(lab, number(request, "training"))
    metric = request.query_params.get("metric", "validation_loss")
    key = (metric, request.query_params.get("log_y") in ("1", "true"), _width(request))
    with _DRAWING:
        stored = lab.changed()
        if training.shown.get(key, (-1, None))[0] != stored:
            data = {dataset.name: dataset for dataset in lab.datasets().values()}
            drawn = shown(training.study, lab.reader(), lab.engine.name, data, *key)
            if len(training.shown) >= MOST_DRAWN:
                training.shown.clear()
            training.shown[key] = stored, drawn
        return answer(training.shown[key][1])


# ---- inside -------------------------------------------------------------------------------------------


def _lab(request: Request) -> Lab:
    lab: Lab = request.app.state.lab
    return lab


def _width(request: Request) -> int:
    """How wide a chart is to be: in steps, so that pages share what is drawn."""
    from shoal.live.play_charts import NARROW, WIDE

    asked = min(number(request, "width"), WIDE) if "width" in request.query_params else WIDE
    return max(asked // 20 * 20, NARROW)


def _training(lab: Lab, id: int) -> Training:
    found = lab.trainer.find(id)
    if found is None:
        raise NotFound(f"There is no training {id}, or it ended long ago.")
    return found


ROUTES = (
    Route("/api/play/form", form, methods=["GET"]),
    Route("/api/play/train", train, methods=["POST"]),
    Route("/api/play/cancel", cancel, methods=["POST"]),
    Route("/api/play/python", as_python, methods=["POST"]),
    Route("/api/play/setting", setting, methods=["GET"]),
    Route("/api/play/chart", chart, methods=["GET"]),
)
