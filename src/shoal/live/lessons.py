# SPDX-License-Identifier: Apache-2.0
"""What the newest weights of a run show, for the page that trains it. It reads, computes once an epoch, and keeps the
latest answers; one is computed at a time, so that training keeps its cores however many pages ask."""

import threading

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shoal.errors import UsageError
from shoal.live.app import NotFound, answer, number
from shoal.live.insight import Insight, insight
from shoal.live.lab import Lab
from shoal.store import Store
from shoal.study import Run

KEPT = 32

Key = tuple[object, str, str, int]


class Lessons:
    """The latest insights, by the store's file, engine, run and epoch."""

    def __init__(self) -> None:
        self._kept: dict[Key, Insight] = {}
        self._turn = threading.Lock()

    def of(self, run: Run, engine: str, lab: Lab) -> Insight | None:
        """What the newest weights within a run's epochs show; None while there are none.

        Args:
            engine: by whose name the run is stored.

        Raises:
            StudyError: the run's data is not here.
        """
        store, dataset = lab.reader(), lab.dataset(run.config.data)
        with self._turn:
            for epoch in reversed(_epochs(store, run, engine)):
                key = store.file, engine, run.trajectory, epoch
                if key not in self._kept:
                    found = store.checkpoint(run, engine, epoch)
                    if found is None:  # the next epoch's have just taken their place
                        continue
                    self._kept[key] = insight(run.config, found.tensors, epoch, dataset, lab.engine)
                self._kept[key] = self._kept.pop(key)  # last in line: it was asked for last
                for oldest in list(self._kept)[:-KEPT]:
                    del self._kept[oldest]
                return self._kept[key]
        return None


def _epochs(store: Store, run: Run, engine: str) -> list[int]:
    """Where a run's weights are; a longer run of the same course may have left later ones."""
    return [epoch for epoch in store.weight_epochs(run, engine) if epoch <= run.config.epochs]


LESSONS = Lessons()


def lessons(request: Request) -> Response:
    """The insight into a run of a training, and the run's own number; the epoch is null while there is none."""
    lab: Lab = request.app.state.lab
    run = _played(request, lab)
    found = LESSONS.of(run, lab.engine.name, lab)
    return answer({**found, "run": lab.reader().run_id(run, lab.engine.name)} if found else {"epoch": None})


def _played(request: Request, lab: Lab) -> Run:
    id, setting, seed = number(request, "training"), number(request, "setting", 0), number(request, "seed", 0)
    training = lab.trainer.find(id)
    if training is None:
        raise NotFound(f"There is no training {id} any more. Train it again: what is stored is not trained twice.")
    points, seeds = training.study.points, training.study.seeds
    if setting >= len(points) or seed not in seeds:
        raise UsageError(
            f"Training {id} has {len(points)} settings and {len(seeds)} seeds, from 0: no {setting=}, {seed=}."
        )
    return Run(points[setting].config, seed)


ROUTES = (Route("/api/play/insight", lessons, methods=["GET"]),)
