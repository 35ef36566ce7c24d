"""A small world of days whose rows have a season, a weekly pattern and weather; tests plant faults in it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from recommit.artifact.answers import Answers
from recommit.artifact.calibration import UNCALIBRATED
from recommit.evidence.monitor import Monitor
from recommit.monitoring import joint
from recommit.monitoring.counted import Counted, counted
from recommit.monitoring.watch import Bounds, Model, Spoken, watch
from recommit.task import Binary, Classes, Number

BOUNDS = Bounds(**yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())["monitor"])
"""The bounds that ship: what alarms here alarms in the pipeline."""
KINDS = {"load": "number", "wind": "number", "gust": "number", "noise": "number", "place": "category"}
IMPORTANCE = {"load": 0.1, "wind": 0.08, "gust": 0.02, "place": 0.02, "noise": 0.0}
TASKS: dict[str, Any] = {
    "binary": Binary(("stayed", "left")),
    "classes": Classes(("stays", "wavers", "leaves")),
    "number": Number("EUR"),
}
REFERENCE, WATCHED, A_DAY = 182, 60, 120
"""Days before the clock, days from it on, and rows a day."""


def rows(seed: int = 1, days: int = REFERENCE + WATCHED, a_day: int = A_DAY) -> pd.DataFrame:
    """Rows of all days, with what makes them so: `truth_score` is what the truth follows."""
    draws = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), a_day)
    weather = np.empty(days)
    weather[0] = 0.0
    for one in range(1, days):
        weather[one] = 0.5 * weather[one - 1] + draws.normal(scale=0.8)
    table = pd.DataFrame({"day": day})
    table["load"] = draws.normal(size=len(day)) + 0.4 * (day % 7 >= 5)
    table["wind"] = 8 * np.exp(0.4 * weather[day] + 0.3 * draws.normal(size=len(day)))
    table["gust"] = table["wind"] * np.exp(0.2 + 0.1 * draws.normal(size=len(day)))
    table["noise"] = draws.normal(size=len(day))
    table["place"] = draws.choice(["A", "B", "C"], len(day), p=[0.5, 0.3, 0.2])
    table["score"] = table["load"] + 0.8 * (np.log(table["wind"]) - 2)
    table["luck"] = draws.uniform(size=len(day))
    table["luck2"] = draws.normal(size=len(day))
    return table


@dataclass
class World:
    """Rows, the task, and what a test changed in the rows from the clock on, before or after they are answered."""

    kind: str = "binary"
    table: pd.DataFrame = field(default_factory=rows)
    base: float = 0.0
    """Added to what the truth follows from the clock on: the model does not know of it."""
    reference: int = REFERENCE

    @property
    def later(self) -> np.ndarray:
        """Whether each row is watched."""
        return (self.table["day"] >= self.reference).to_numpy()

    def changed(self, **columns: Any) -> "World":
        """The world with other values in the watched rows: each a function of these rows."""
        table = self.table.copy()
        for name, make in columns.items():
            table.loc[self.later, name] = make(table[self.later])
        return replace(self, table=table)

    def without(self, gone: np.ndarray) -> "World":
        """The world without the watched rows that are `gone`, (rows,) bool."""
        return replace(self, table=self.table[~(gone & self.later)].reset_index(drop=True))

    def score(self) -> np.ndarray:
        """What the model sees of what the truth follows."""
        known = self.table["load"].fillna(0) + 0.8 * (np.log(self.table["wind"].fillna(8)) - 2)
        return known.to_numpy("float64")

    def answer(self) -> np.ndarray:
        """What a calibrated model answers."""
        score = self.score()
        if self.kind == "number":
            return score
        if self.kind == "binary":
            return 1 / (1 + np.exp(1 - score))
        raised = np.exp(np.column_stack([0 * score, 0.5 * score, score - 0.5]))
        return raised / raised.sum(axis=1, keepdims=True)

    def truth(self) -> pd.Series:
        """What came: by the score as it really was, and the base rate of then or now."""
        real = self.table["score"] + self.base * self.later
        if self.kind == "number":
            return real + self.table["luck2"]
        if self.kind == "binary":
            return self.table["luck"] < 1 / (1 + np.exp(1 - real))
        raised = np.exp(np.column_stack([0 * real, 0.5 * real, real - 0.5]))
        place = (self.table["luck"].to_numpy()[:, None] > np.cumsum(raised / raised.sum(axis=1, keepdims=True), 1)).sum(
            1
        )
        return pd.Series(np.array(TASKS["classes"].classes)[np.minimum(place, 2)], dtype="str")

    def model(self, importance: Any = IMPORTANCE) -> Model:
        """The model, with sets that are conformal in the reference."""
        task, then = TASKS[self.kind], ~self.later
        truth, answer = self.truth(), self.answer()
        sets = task.conform(truth[then], answer[then], 0.9)
        calibration = task.uncalibrated if self.kind == "classes" else UNCALIBRATED
        said: Answers = task.answers(calibration, sets, truth[then], 0.5)
        return Model(task, said, "0" * 64, "2013-07-02", importance)

    def counted(self, kinds: dict[str, str] = KINDS) -> Counted:
        """The input, counted."""
        then, now = self.table[~self.later], self.table[self.later]
        return counted(
            (then, then["day"].to_numpy()), kinds, [(then, then["day"].to_numpy())], [(now, now["day"].to_numpy())]
        )

    def spoken(self, later: bool, known: bool = True) -> Spoken:
        """What the model said of the reference, or `later`, and what came of it where that is `known`."""
        here = self.later == later
        truth = self.truth()[here].reset_index(drop=True)
        days = self.table["day"].to_numpy()[here]
        if not known:
            truth = pd.Series([None] * len(truth), dtype="object")
        return Spoken(days, self.answer()[here], truth, days < self.reference - 30)

    def watched(
        self,
        known: bool = True,
        with_joint: bool = False,
        bounds: Bounds = BOUNDS,
        model: Model | None = None,
        reference: Spoken | None = None,
    ) -> Monitor:
        """All that `monitor` finds of this world."""
        found, now = self.counted(), self.table[self.later]
        told = None
        if with_joint:
            then = self.table[~self.later]
            days = {"then": then["day"].to_numpy(), "now": now["day"].to_numpy()}
            told = joint.told_apart(found.bins, then, now, days, 1, bounds.rows)
        parts = now[["place"]].reset_index(drop=True)
        told_of = self.spoken(True, known) if len(now) else None
        return watch(found, model or self.model(), reference or self.spoken(False), told_of, parts, told, bounds, 1)
