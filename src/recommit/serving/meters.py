"""What one process of the server has counted and measured, by the list of metrics."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recommit.artifact.answers import BinaryAnswers, ClassesAnswers, NumberAnswers, finite
from recommit.artifact.load import MANIFEST
from recommit.artifact.manifest import read_manifest
from recommit.serving.board import Board, Key, Labels, Numbers, gathered
from recommit.serving.exposition import exposition
from recommit.serving.log import Role
from recommit.serving.matrix import Scored
from recommit.serving.metrics import ERRORS, SECONDS, SWAPS
from recommit.serving.predictor import Predictor

OTHER = "other"
"""The route of what has no route, or was refused before it was found."""
_STATUSES = (200, 400, 401, 403, 404, 405, 408, 413, 415, 422, 500, 503)
_TENTHS = tuple(tenth / 10 for tenth in range(1, 10))


class Meters:
    """Adds to the metrics of one process; `routes` are the paths that there are.

    `bounds` are those of the histogram of answers: all models, one after the other, have the same.
    """

    def __init__(self, routes: Sequence[str], bounds: Sequence[float], folder: Path | None = None) -> None:
        """Lay out the metrics; in `folder` the other workers see them."""
        self.bounds, self._folder = tuple(bounds), folder
        self._boards: list[Board] = []
        self.board = self.begin(_series(routes), {"recommit_request_seconds": SECONDS, "recommit_prediction": bounds})
        place, places = self.board.place, self.board.places.items()
        self._requests = {labels: at for (name, labels), at in places if name == "recommit_requests_total"}
        self._seconds = {route: place("recommit_request_seconds", route) for route in (*routes, OTHER)}
        self._errors = {kind: place("recommit_errors_total", kind) for kind in ERRORS}
        self._flight = place("recommit_requests_in_flight")
        for name in (
            "recommit_requests_in_flight",
            "recommit_connections",
            "recommit_ready",
            "recommit_model_not_taken",
        ):
            self.measure(name, 0)
        self.measure("recommit_workers", 1)

    def begin(
        self, series: Mapping[str, Sequence[Labels]], bounds: Mapping[str, Sequence[float]] | None = None
    ) -> Board:
        """Returns a board for more series; what an ended one with the same has counted goes on."""
        board = Board(series, bounds or {}, self._folder)
        self._boards = [one for one in self._boards if not one.ended or (one.counts and not self._folder)]
        for one in self._boards:
            if one.ended and one.layout == board.layout:
                one.ended = False
                return one
        self._boards.append(board)
        return board

    def measure(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        self.board.numbers[self.board.place(name, *labels)] = value

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self.board.numbers[self.board.place(name, *labels)] += by

    def begun(self) -> float:
        """A request has come: returns when, for `ended`."""
        self.board.numbers[self._flight] += 1
        return time.perf_counter()

    def gone(self) -> None:
        """A request is not answered any more: its caller has gone."""
        self.board.numbers[self._flight] -= 1

    def ended(self, begun: float, route: str, status: int) -> float:
        """A request is answered with `status`. Returns how many seconds that took."""
        seconds, numbers = time.perf_counter() - begun, self.board.numbers
        numbers[self._flight] -= 1
        if (at := self._requests.get((route, str(status)))) is not None:
            numbers[at] += 1
        self.board.observe(self._seconds[route], SECONDS, seconds)
        return seconds

    def error(self, kind: str) -> None:
        """Count an error of a kind in `ERRORS`."""
        self.board.numbers[self._errors[kind]] += 1

    def text(self, accept: str) -> tuple[bytes, str]:
        """Returns what Prometheus reads, and its type."""
        return exposition(self.all(), accept)

    def all(self) -> dict[Key, Numbers]:
        """Returns the numbers of all workers."""
        return gathered(self._boards, self._folder)


class OfModel:
    """Adds to the metrics of one model, until its `end`."""

    def __init__(self, meters: Meters, predictor: Predictor, role: Role) -> None:
        """Say which model it is, and as what it answers."""
        scorer = predictor.scorer
        self._task, self._all, self._bounds = scorer.task, meters.board, meters.bounds
        self._rows, self._prediction = (
            meters.board.place(name) for name in ("recommit_rows_total", "recommit_prediction")
        )
        outcomes = _outcomes(predictor)
        self._counts = meters.begin(
            {
                "recommit_outcomes_total": [(outcome,) for outcome in outcomes],
                "recommit_feature_missing_total": [(one.name,) for one in predictor.matrix.numbers],
            }
        )
        place = self._counts.place
        self._missing = [place("recommit_feature_missing_total", one.name) for one in predictor.matrix.numbers]
        self._outcomes = {name: place("recommit_outcomes_total", name) for name in outcomes}
        info = (scorer.name, scorer.version, scorer.sha256, role)
        told: dict[Key, float] = {("recommit_model_info", info): 1}
        manifest = scorer.folder / MANIFEST  # a model may be given without a folder
        if role == "served" and manifest.is_file() and (until := read_manifest(manifest).trained_until):
            told["recommit_model_trained_until_seconds", ()] = pd.Timestamp(until).timestamp()
        self._said = meters.begin({name: [labels] for name, labels in told})
        for key, value in told.items():
            self._said.numbers[self._said.places[key]] = value

    def end(self) -> None:
        """Leave the counters to the next model with the same, and tell of this one no more."""
        self._counts.end()
        self._said.end()

    def answered(self, scored: Scored) -> None:
        """Count rows that were answered."""
        task, numbers, found = self._task, self._counts.numbers, scored.found
        answers = found[task.parts[0]]
        rows = len(answers)
        self._all.numbers[self._rows] += rows
        missing = np.isnan(scored.numbers)
        if missing.any():
            for feature, many in enumerate(missing.sum(axis=1).tolist()):
                numbers[self._missing[feature]] += many
        if isinstance(task, ClassesAnswers):
            answers = [max(row) for row in zip(*(found[part] for part in task.parts), strict=True)]
        if rows == 1:
            self._all.observe(self._prediction, self._bounds, answers[0])
        else:
            self._all.observe_all(self._prediction, self._bounds, np.array(answers))
        if isinstance(task, BinaryAnswers):
            yes = sum(one >= task.threshold for one in answers)
            numbers[self._outcomes[task.outcomes[0]]] += rows - yes
            numbers[self._outcomes[task.outcomes[1]]] += yes
        elif isinstance(task, ClassesAnswers):
            for outcome in found[task.column]:
                numbers[self._outcomes[outcome]] += 1


def prediction_bounds(predictor: Predictor) -> tuple[float, ...]:
    """Returns the bounds of the histogram of answers; of numbers they part the golden rows' answers in tenths."""
    scorer = predictor.scorer
    if not isinstance(scorer.task, NumberAnswers):
        return tuple(half / 20 for half in range(1, 20))
    answers = scorer.answer(scorer.golden)
    return tuple(sorted({float(f"{end:.4g}") for end in np.quantile(answers[finite(answers)], _TENTHS)}))


def _outcomes(predictor: Predictor) -> list[str]:
    task = predictor.scorer.task
    return task.outcomes if isinstance(task, BinaryAnswers) else getattr(task, "classes", [])


def _series(routes: Sequence[str]) -> dict[str, list[Labels]]:
    """Returns the labels of every series that does not depend on the model, by metric."""
    none: list[Labels] = [()]
    every = (*routes, OTHER)
    return {
        "recommit_requests_total": [(route, str(status)) for route in every for status in _STATUSES],
        "recommit_request_seconds": [(route,) for route in every],
        "recommit_requests_in_flight": none,
        "recommit_connections": none,
        "recommit_errors_total": [(kind,) for kind in ERRORS],
        "recommit_rows_total": none,
        "recommit_prediction": none,
        "recommit_swaps_total": [(outcome,) for outcome in SWAPS],
        "recommit_model_not_taken": none,
        "recommit_state_known_until_seconds": none,
        "recommit_log_unsynced_seconds": none,
        "recommit_log_files": none,
        "recommit_ready": none,
        "recommit_workers": none,
    }
