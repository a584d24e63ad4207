# SPDX-License-Identifier: Apache-2.0
"""The routes of Draw: which networks there are, what they say of a drawing, and what their layers make of it.

A drawing comes as grey bytes and is forgotten when it is answered. It is named again at every stroke, so the networks
and their weights are kept at hand until something new is stored.
"""

import threading
from base64 import b64encode
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shoal.data import Dataset
from shoal.live.app import NotFound, answer, body, number
from shoal.live.draw_layers import layers
from shoal.live.draw_models import Known, Weights, classes, known, label, probabilities
from shoal.live.drawing import MOST, Step, decoded, prepared
from shoal.live.lab import Lab

AT_HAND = 8
"""Readings of which networks there are that are kept: one for each data set, and for each run chosen from it."""
Side = Annotated[int, Meta(ge=1, le=MOST)]


class Drawing(msgspec.Struct, forbid_unknown_fields=True):
    """A canvas as the page sends it.

    Args:
        data: the data set that it is a drawing for.
        pixels: base64 of uint8 (height, width), 0 ground and 255 ink; of a picture its grey.
        picture: whether it is a picture instead of a drawing: its ground may be light.
        fill: for clothes, whether to fill what lines enclose.
        first: the run whose network is asked before all others; 0 for none.
    """

    data: str
    pixels: str
    width: Side
    height: Side
    picture: bool = False
    fill: bool = False
    first: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class Inside(Drawing, forbid_unknown_fields=True, kw_only=True):
    """The same, and the network to look into: its run's number in the store."""

    model: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Networks:
    """The networks of a lab that can be asked, and their weights."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._turn = threading.Lock()
        self._found: dict[tuple[str, int], tuple[int, tuple[list[Known], int]]] = {}
        self.weights = Weights()

    def known(self, dataset: Dataset, first: int = 0, *, anew: bool = False) -> tuple[list[Known], int]:
        """What `known` says of the store, read again when something new was stored, or if that is asked for."""
        key = dataset.name, first
        with self._turn:
            stored = self._lab.changed()
            seen, found = self._found.pop(key, (-1, ([], 0)))
            if anew or seen != stored:
                found = known(self._lab.reader().table(), dataset, first)
            self._found[key] = stored, found
            for oldest in list(self._found)[:-AT_HAND]:
                del self._found[oldest]
            return found

    def one(self, run: int, dataset: Dataset) -> Known:
        """The network of a run, by the run's number.

        Raises:
            NotFound: the store has no such run, or on other data, or it never trained.
        """
        found = self._lab.reader().run_of(run)
        if not found or found.config.data != dataset.name or not found.epochs or found.diverged_at is not None:
            raise NotFound(f"No network of run {run} names drawings for {dataset.name}. Choose another.")
        return Known(run, found.config, found.seed, found.engine, found.epochs, found.validation_accuracy)


def networks(request: Request) -> Networks:
    """Those of the lab that a request is made to."""
    state = request.app.state
    if not hasattr(state, "networks"):
        state.networks = Networks(state.lab)
    found: Networks = state.networks
    return found


# ---- the routes -------------------------------------------------------------------------------------------


def models(request: Request) -> Response:
    """The networks that name a drawing for ``?data=``: that of the run ``&first=``, then the most accurate."""
    lab: Lab = request.app.state.lab
    asked, first = request.query_params.get("data", ""), number(request, "first", 0)
    found, left_out = networks(request).known(lab.dataset(asked), first, anew=True)
    return answer({"models": [_facts(one, asked) for one in found], "left_out": left_out})


def name(request: Request) -> Response:
    """The steps from a drawing to an image of the data set, and every network's probabilities for it."""
    lab: Lab = request.app.state.lab
    drawing = body(request, Drawing)
    dataset = lab.dataset(drawing.data)
    steps = _steps(drawing, dataset)
    image, asked, answers = _image(steps, dataset), networks(request), []
    for one in asked.known(dataset, drawing.first)[0]:
        tensors = asked.weights.of(one, lab.reader())
        if tensors is not None:
            said = probabilities(one, tensors, image, dataset, lab.engine)
            answers.append(
                {"model": one.id, "classes": classes(one.config.model, dataset), "probabilities": said.tolist()}
            )
    return answer({"steps": [_picture(step) for step in steps], "answers": answers})


def inside(request: Request) -> Response:
    """What each layer of a network makes of a drawing."""
    lab: Lab = request.app.state.lab
    drawing = body(request, Inside)
    dataset, asked = lab.dataset(drawing.data), networks(request)
    one = asked.one(drawing.model, dataset)
    tensors = asked.weights.of(one, lab.reader())
    if tensors is None:
        raise NotFound(f"The store has no weights of run {drawing.model}. Choose another network.")
    image = _image(_steps(drawing, dataset), dataset)
    return answer({"layers": layers(one.config, tensors, image, dataset)})


def _steps(drawing: Drawing, dataset: Dataset) -> tuple[Step, ...]:
    canvas = decoded(drawing.pixels, drawing.width, drawing.height)
    like, area = dataset.stand_in or dataset.name, dataset.image_shape[1:]
    return prepared(canvas, like, area, picture=drawing.picture, fill=drawing.fill)


def _image(steps: tuple[Step, ...], dataset: Dataset) -> np.ndarray:
    """uint8 (channels, height, width): the last step, the same in every channel."""
    return np.ascontiguousarray(np.broadcast_to(steps[-1].image, dataset.image_shape))


def _facts(one: Known, asked: str) -> dict[str, Any]:
    return {
        "model": one.id,
        "title": one.config.model.name,
        "label": label(one.config),
        "accuracy": one.accuracy,
        "epochs": one.epoch,
        "seed": one.seed,
        "data": asked,
    }


def _picture(step: Step) -> dict[str, Any]:
    height, width = step.image.shape
    pixels = b64encode(step.image.tobytes()).decode()
    words = {"title": step.title, "why": step.why, "photo": step.photo}
    return {**words, "width": width, "height": height, "pixels": pixels}


ROUTES = (
    Route("/api/draw/models", models, methods=["GET"]),
    Route("/api/draw/name", name, methods=["POST"]),
    Route("/api/draw/layers", inside, methods=["POST"]),
)
