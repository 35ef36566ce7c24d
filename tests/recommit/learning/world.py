"""A small honest world whose truth is known, and all evidence of it as the stages make it; tests plant faults in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recommit.directions import Change, Direction
from recommit.evidence import stages
from recommit.evidence.decision import Decision
from recommit.evidence.files import Evidence, plain
from recommit.learning import judging, quality, staleness
from recommit.learning.crossval import fit_folds
from recommit.learning.gate import decide
from recommit.learning.intervals import blocks
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.columns import leaks_in_columns
from recommit.learning.leakage.order import time_order
from recommit.learning.leakage.shared import shared_rows
from recommit.learning.periods import Monitored
from recommit.learning.point_in_time import changes_with_the_future, instants, rebuild
from recommit.learning.robustness import check_directions
from recommit.learning.slices import Scored, worst
from recommit.learning.slices import search as search_slices
from recommit.task import Binary
from tests.recommit.learning.splitting import by_month

TASK = Binary(("punctual", "late"))
AS_OF = "2013-07-01"
MONTHS = by_month(AS_OF)
FEATURES = ["jam", "wind", "load", "recent", "rain"]
MONITORED = Monitored(at="predicted_at", key=("key",), numbers=tuple(FEATURES), categories=("airline",))
BOUNDS = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())["gate"]
"""The bounds that ship: what passes or fails here passes or fails in the pipeline."""
Fit = Callable[[pd.DataFrame, pd.Series], Any]


def events(seed: int = 1, months: int = 6, rows_a_day: int = 100) -> pd.DataFrame:
    """Rows with what makes them late: a row a trip from January on, days alike within themselves."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2013-01-01", periods=181 * months // 6, tz="UTC")
    number = len(days) * rows_a_day
    at = np.sort(rng.uniform(0, 86_400, (len(days), rows_a_day))).ravel()
    predicted_at = days.repeat(rows_a_day) + pd.to_timedelta(at.round(), unit="s")
    weather = rng.normal(size=len(days)).repeat(rows_a_day)
    table = pd.DataFrame({"key": np.arange(number), "predicted_at": predicted_at})
    table["label_known_at"] = predicted_at + pd.Timedelta(minutes=30)
    table["airline"] = rng.choice(["A", "B", "C"], number)
    table["airport"] = rng.choice(["X", "Y"], number)
    table["jam"] = rng.normal(size=number)
    table["wind"] = weather + rng.normal(scale=0.5, size=number)
    table["load"] = rng.normal(size=number)
    table["rain"] = rng.exponential(size=number)
    chance = 1 / (1 + np.exp(1.2 - 1.2 * table["jam"] - 0.7 * weather - 0.8 * table["load"]))
    table["late"] = rng.uniform(size=number) < chance
    return table


def build(known: pd.DataFrame) -> pd.DataFrame:
    """Give each row `recent`: the late share of what was known in the 6 hours before its prediction instant."""
    order = known.sort_values("label_known_at")
    at = order["label_known_at"].astype("int64").to_numpy()
    late = np.concatenate([[0], np.cumsum(order["late"].fillna(False).astype("int64"))])
    asked = known["predicted_at"].astype("int64").to_numpy()
    hours = 3_600 * 1_000_000  # in the microseconds of these instants
    first = np.searchsorted(at, asked - 6 * hours, side="right")
    last = np.searchsorted(at, asked, side="right")
    recent = (late[last] - late[first]) / np.maximum(last - first, 1)
    return known.assign(recent=recent.astype("float64"))


def peeking(known: pd.DataFrame) -> pd.DataFrame:
    """As `build`, but `recent` looks three hours ahead of the row."""
    return build(known.assign(predicted_at=known["predicted_at"] + pd.Timedelta(hours=3))).assign(
        predicted_at=known["predicted_at"]
    )


def logistic() -> Any:
    """The model of this world, unfitted."""
    return make_pipeline(StandardScaler(), LogisticRegression())


def _same(anything: Any) -> Any:
    return anything


def _as_calculated(rows: pd.DataFrame, chance: np.ndarray) -> np.ndarray:
    return chance


@dataclass
class World:
    """What a project would declare; a test changes one part of it."""

    table: pd.DataFrame
    build: Callable[[pd.DataFrame], pd.DataFrame] = build
    features: Sequence[str] = tuple(FEATURES)
    model: Callable[[], Any] = logistic
    selected: Callable[[list], list] = _same
    trained: Callable[[pd.DataFrame], pd.DataFrame] = _same
    forecast: Callable[[pd.DataFrame, np.ndarray], np.ndarray] = _as_calculated
    champion: Callable[[pd.DataFrame, np.ndarray], np.ndarray] | None = None
    champion_md5: str = "champion"
    level: float = 0.9
    stated_level: float = 0.9
    answered: frozenset[str] = frozenset({"jam", "load"})
    """Columns as strong as a leak, of which a person has said that they are none."""
    parity: float = 1e-7
    parity_of: str = "logistic-full"
    parity_md5: str = "candidate"
    same_again: bool = True

    def evidence(self) -> dict[str, Any]:
        """Everything that the gate reads, made as the stages make it, in the form of its files: see `decided`."""
        table = self.build(self.table)
        split = MONTHS.test(table)
        train, test = split.train, split.test
        months = MONTHS.folds(table)
        train_used = self.trained(train)
        selected = self.selected(months)
        model, predicted = fit_folds(
            TASK, self.model, train_used, selected, list(self.features), "late", MONTHS.columns
        )
        last = predicted["fold"] == predicted["fold"].max()
        line = TASK.calibrate(predicted.loc[~last, "late"], predicted.loc[~last, "answer"])
        sets = TASK.conform(predicted.loc[last, "late"], line(predicted.loc[last, "answer"]), self.level)

        def predict(rows: pd.DataFrame) -> np.ndarray:
            return self.forecast(rows, line(model.predict_proba(rows[list(self.features)])[:, 1]))

        trained_until = train_used["label_known_at"].max()
        age = staleness.age(trained_until, split.starts)
        found = Evidence(
            schema=stages.Schema(rules=1, rows={"events": len(table)}, broken=0),
            quality=self._quality(train, test),
            leakage=self._leakage(train, test),
            point_in_time=self._point_in_time(table, train),
            selection=self._selection(predicted),
            parity=self._parity(),
            **self._judged(test, predict, sets, trained_until),
            staleness=stages.Staleness(fit="logistic-full", period="2013-05", curve=(), candidate=age),
            robustness=self._robust(months[-1].test, predict),
            hashes={"test.json": "0" * 32},
        )
        return plain(found)

    def _quality(self, train: pd.DataFrame, test: pd.DataFrame) -> stages.Quality:
        columns = [*MONITORED.columns, "key", "predicted_at"]
        rows = pd.concat([train, test], ignore_index=True)[columns]
        smallest = quality.Smallest(share=0.05, shift=0.2, rows=0.3, hours=12)
        report = quality.report(rows, MONITORED, "features", MONTHS.calendar, MONTHS.now, smallest, seed=1)
        return quality.evidence({"features": report}, "2013-06", MONTHS.now, 0.95, {}, quality.without_time({}))

    def _leakage(self, train: pd.DataFrame, test: pd.DataFrame) -> stages.Leakage:
        columns = list(self.features)
        told = leaks_in_columns(train, MONTHS, columns, "late", Bounds(), 1)
        leaks = [leak for leak in told if not set(leak.where.split(", ")) <= self.answered]
        parts = {"training": train, "test": test}
        leaks += shared_rows(parts, "key", [*columns, "airline", "airport"], 0)
        leaks += time_order(parts, *MONTHS.columns)
        checked = (stages.Looked("strong_columns", rows=len(train)), stages.Looked("time_order", rows=len(train)))
        return stages.Leakage(checked=checked, leaks=tuple(leaks), strongest=(), shuffled=())

    def _point_in_time(self, table: pd.DataFrame, train: pd.DataFrame) -> stages.PointInTime:
        def as_known_at(tables: dict[str, pd.DataFrame], instant: pd.Timestamp) -> dict[str, pd.DataFrame]:
            happened = tables["events"]
            known = happened["late"].astype("boolean").where(happened["label_known_at"] <= instant)
            return {"events": happened.assign(late=known)}

        leaks: list[stages.Leak] = []
        for instant in instants(train, 3, 1, "predicted_at"):
            again = rebuild(
                lambda known, keys: self.build(known["events"]).loc[lambda rows: rows["key"].isin(keys)],
                as_known_at, {"events": self.table}, table, instant, 200, "key", "predicted_at",
            )  # fmt: skip
            leaks += changes_with_the_future(again, ["recent"])
        return stages.PointInTime(instants=(), rows=600, features=1, leaks=tuple(leaks))

    def _selection(self, predicted: pd.DataFrame) -> stages.Selection:
        return stages.Selection(
            metric="log_loss",
            rule="the simplest",
            periods=tuple(sorted(predicted["fold"].unique())),
            used_until=predicted["label_known_at"].max(),
            best="logistic-full",
            chosen="logistic-full",
            table=(),
            by_period={},
        )

    def _judged(self, test: pd.DataFrame, predict: Callable, sets: Any, trained_until: pd.Timestamp) -> dict[str, Any]:
        days = blocks(MONTHS.blocks(test), seed=1)
        chance = predict(test)
        baseline = np.full(len(test), 0.3)
        champion = baseline if self.champion is None else self.champion(test, chance)
        covered = sets.covered(test["late"], chance)
        judged = {
            name: TASK.judge(test["late"], values, days)
            for name, values in {"candidate": chance, "baseline": baseline, "champion": champion}.items()
        }
        gains = {name: judging.differences(judged["candidate"], judged[name]) for name in ("baseline", "champion")}
        coverage = judging.coverage(TASK, test["late"], covered, sets.sizes(chance), days)
        gap = TASK.gap(test["late"], chance, days).interval()
        scored = Scored(test["late"], chance, baseline, covered)
        parts = search_slices(TASK, test[["airline", "airport"]], scored, days)
        period = stages.Period(
            *(*MONTHS.span(test), days.number, len(test), test["late"].mean(), "keys"),
        )
        return {
            "test": stages.Test(
                period=period,
                loss=TASK.loss,
                scale=TASK.scale(1, []),
                candidate=model_of("logistic-full", "candidate", trained_until),
                champion=model_of("baseline-full", self.champion_md5, trained_until),
                metrics={name: judging.intervals(row) for name, row in judged.items()},
                differences={name: judging.intervals(gain) for name, gain in gains.items()},
                calibration=stages.Miscalibration(gap, judged["candidate"]["calibration_error"].interval()),
                coverage=judging.as_coverage(self.stated_level, coverage),
                blocks=(),
            ),
            "slices": stages.Slices(searched=len(parts), worst=worst(parts), slices=()),
        }

    def _parity(self) -> stages.Parity:
        differ = int(self.parity > 1e-5)
        one = {"refused": 0, "refused_by_both": 0, "largest": self.parity, "beyond": differ}
        asked = {"usual": 70, "missing": 9, "unseen": 1, "test": 20}
        kinds = {kind: stages.Compared(rows, rows, **one) for kind, rows in asked.items()}
        total = {"tolerance": 1e-5, "largest": self.parity, "beyond": 4 * differ, "rows": 100, "compared": 100}
        return stages.Parity(self.parity_of, self.parity_md5, self.same_again, **total, kinds=kinds)

    def _robust(self, rows: pd.DataFrame, predict: Callable) -> stages.Robustness:
        days = blocks(MONTHS.blocks(rows), seed=1)
        directions = [Direction("a worse jam", (Change("jam", "plus", 1.0),), "fall", "jams delay", 0.001)]
        moved, unread, untouched = check_directions(TASK, predict, rows, directions, days)
        return stages.Robustness(
            fit="logistic-full",
            md5="candidate",
            period="2013-05",
            directions=tuple(moved),
            unread=tuple(unread),
            untouched=tuple(untouched),
            missing=(),
            tried=0,
            finite=True,
            broken=(),
        )


def model_of(fit: str, md5: str, trained_until: Any) -> stages.JudgedModel:
    """What evidence says of a model that was judged."""
    return stages.JudgedModel(
        fit=fit,
        model=fit.split("-")[0],
        features=fit.split("-")[1],
        params={},
        task={"kind": "binary"},
        as_of=AS_OF,
        trained_rows=1000,
        trained_until=trained_until,
        parity=1e-7,
        md5=md5,
        manifest=f"manifest of {md5}",
    )


def decided(evidence: dict[str, Any], accepted: Sequence[Any] = (), bounds: dict[str, float] = BOUNDS) -> Decision:
    """What the gate decides by evidence in the form of its files, with the bounds that ship."""
    return decide(TypeAdapter(Evidence).validate_python(evidence), bounds, accepted)


def honest(seed: int = 1) -> World:
    """A world without a fault."""
    return World(events(seed))
