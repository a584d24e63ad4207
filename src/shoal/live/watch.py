# SPDX-License-Identifier: Apache-2.0
"""The room Watch: what it answers. Everything is read from the store, and computed at most as often as a page asks.

A study is looked up by its name among those the store knows; nothing is trained, written or opened by a name.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shoal.errors import UsageError
from shoal.live.app import NotFound, answer
from shoal.live.lab import Lab
from shoal.live.watching import charts, tables
from shoal.live.watching.gathering import Gathered, Watched, gather
from shoal.live.watching.memo import Memo
from shoal.live.watching.overview import Standing
from shoal.live.watching.overview import overview as told
from shoal.live.watching.pulse import Pulse, Seen
from shoal.live.watching.verdicts import verdicts as judged
from shoal.store import held_since
from shoal.study import Study

T = TypeVar("T")


class StudyAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study, by its name; "" for the runs of none."""

    study: str = ""


class ReadingAsked(charts.Asked, frozen=True, forbid_unknown_fields=True):
    """What a page shows: a chart and a page of the runs, each as it is asked of its own route."""

    first: bool = False
    """Of the first study there is, whatever ``study`` says: a page that has just come knows none."""
    sort: str = ""
    descending: bool = False
    offset: tables.Offset = 0

    @property
    def chart(self) -> charts.Asked:
        """What is asked of the chart alone, so that both routes keep one answer."""
        return charts.Asked(**{name: getattr(self, name) for name in charts.Asked.__struct_fields__})

    @property
    def table(self) -> tables.Asked:
        return tables.Asked(**{name: getattr(self, name) for name in tables.Asked.__struct_fields__})


class Room:
    """What the routes share: one for a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.memo = Memo(lab.changed, lambda: lab.hub.pace)
        self.pulse = Pulse(lambda: held_since(lab.store_path))
        self._remembered: dict[str, Any] = {}

    def standings(self) -> tuple[Gathered, dict[str, Standing]]:
        """Everything in the store, study by study."""
        return self.memo.get("standings", self._gather)

    def _gather(self) -> tuple[int, tuple[Gathered, dict[str, Standing]]]:
        stored = self.lab.changed()  # before reading: what comes meanwhile is newer
        gathered = gather(self.lab.reader(), self.lab.engine.name, stored)
        standings = {name: Standing(study) for name, study in gathered.studies.items()}
        self.pulse.look({name: Seen(one.seconds, one.study.latest) for name, one in standings.items()})
        return stored, (gathered, standings)

    def study(self, name: str) -> tuple[int, Standing]:
        """How new what is known is, and a study as it stands.

        Raises:
            NotFound: the store knows none of this name.
        """
        gathered, standings = self.standings()
        if name not in standings:
            raise NotFound(f"The store has no study {name!r}. It has {', '.join(map(repr, standings)) or 'none yet'}.")
        return gathered.stored, standings[name]

    def reading(self, asked: ReadingAsked) -> dict[str, Any]:
        """All that a page shows but for verdicts, of one study; of an empty store there is none.

        An answer costs more by being asked for than by what is in it, so that a crowd asks for all at once.

        Raises:
            NotFound: the store knows no study of this name.
        """
        if asked.first:
            names = list(self.standings()[1])
            if not names:
                return {"study": None, "overview": self.overview(), "chart": None, "table": None}
            asked = msgspec.structs.replace(asked, study=names[0])
        parts = {"chart": self.chart(asked.chart), "table": self.table(asked.table)}
        return {"study": asked.study, "overview": self.overview(), **parts}

    def overview(self) -> dict[str, Any]:
        gathered, standings = self.standings()
        return told(standings.values(), gathered, self.pulse)

    def table(self, asked: tables.Asked) -> dict[str, Any]:
        trains = self.pulse.trains(asked.study, self.study(asked.study)[1].epoch)
        return self._kept((asked, trains), asked.study, lambda study: tables.table(asked, study, trains))

    def chart(self, asked: charts.Asked) -> dict[str, Any]:
        return self._kept(asked, asked.study, lambda study: charts.chart(asked, study, self.lab.reader()))

    def verdicts(self, name: str) -> dict[str, Any]:
        claimed = next((study for study in self.lab.studies if study.name == name and study.claims), None)
        return self._kept(("verdicts", name), name, lambda watched: self._verdicts(claimed, watched))

    def _verdicts(self, study: Study | None, watched: Watched) -> dict[str, Any]:
        """Whether it claims anything, as far as is known here, and how each claim stands."""
        if study is None:
            return {"claims": False, "verdicts": []}
        data = {point.config.data: self.lab.dataset(point.config.data) for point in study.points}
        rows = judged(study, watched, self.lab.reader(), data, self.lab.engine, self._remembered)
        return {"claims": True, "verdicts": rows}

    def _kept(self, key: Hashable, name: str, answer: Callable[[Watched], dict[str, Any]]) -> dict[str, Any]:
        """What is answered of a study, with how new it is."""

        def compute() -> tuple[int, dict[str, Any]]:
            stored, standing = self.study(name)
            return stored, {"stored": stored, **answer(standing.study)}

        return self.memo.get(key, compute)


# ---- routes ---------------------------------------------------------------------------------------------


def reading(request: Request) -> Response:
    """Every study, how far it has come, and all together; the curves and the runs of one."""
    return answer(_room(request).reading(_asked(request, ReadingAsked)))


def table(request: Request) -> Response:
    """A page of a study's runs."""
    return answer(_room(request).table(_asked(request, tables.Asked)))


def chart(request: Request) -> Response:
    """A study's curves, and what else its chart can show."""
    return answer(_room(request).chart(_asked(request, charts.Asked)))


def verdicts(request: Request) -> Response:
    """What a study's runs say so far; nothing where its claims are not known."""
    return answer(_room(request).verdicts(_asked(request, StudyAsked).study))


def _room(request: Request) -> Room:
    room: Room = request.app.state.watch
    return room


def _asked(request: Request, kind: type[T]) -> T:
    """The query as a struct of this kind.

    Raises:
        UsageError: a name or a value that it does not have.
    """
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as reason:
        raise UsageError(f"{request.url.path} cannot answer this: {reason}.") from None


ROUTES = (
    Route("/api/watch/reading", reading, methods=["GET"]),
    Route("/api/watch/table", table, methods=["GET"]),
    Route("/api/watch/chart", chart, methods=["GET"]),
    Route("/api/watch/verdicts", verdicts, methods=["GET"]),
)
