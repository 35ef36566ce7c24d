"""What the stage watches: rows from the champion's clock on, by the log where it holds them, and no later outcome."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recommit.artifact.answers import BinaryAnswers, Calibration, Sets
from recommit.learning.splits import splitter
from recommit.monitoring import joint, project, show
from recommit.monitoring.counted import counted
from recommit.monitoring.tally import days_of
from recommit.monitoring.watch import Model, watch
from recommit.task import Task
from tests.recommit.learning.test_small_tables import TASKS, table
from tests.recommit.monitoring.world import BOUNDS

ABOUT: dict[str, Any] = {"key": "row", "instant": "asked", "known": "answered", "target": "target"}
SAID = BinaryAnswers(
    outcomes=["stayed", "left"],
    calibration=Calibration(slope=1, intercept=0),
    conformal=Sets(level=0.9, quantile=0.8),
    threshold=0.5,
)


class Asked:
    """A model that answers a tenth to everything."""

    columns = ("load",)
    task = SAID
    sha256 = "a" * 64

    def answer(self, rows: pd.DataFrame) -> np.ndarray:
        return np.full(len(rows), 0.1)


def of(kind: str, as_of: str, clock: str) -> tuple[Any, pd.DataFrame, pd.DataFrame]:
    """The problem, and the reference and watched rows of a champion with that clock; the project's is `as_of`."""
    problem = SimpleNamespace(**ABOUT, task=TASKS[kind])
    splits = splitter(problem, {"by": "month", "folds": 1}, as_of)
    rows = table(kind)
    past = rows[rows["answered"] < splits.now]
    upcoming = rows[rows["asked"] >= splits.now].drop(columns=["target", "answered"])
    then, now = project.parted(problem, past, upcoming, SimpleNamespace(as_of=clock), splits)
    return problem, then, now


def test_rows_are_watched_from_the_champions_clock_on_and_outcomes_are_known_up_to_the_projects() -> None:
    _, then, now = of("binary", "2013-09-01", "2013-07-01")
    starts, knows = pd.Timestamp("2013-07-01", tz="UTC"), pd.Timestamp("2013-09-01", tz="UTC")
    assert (then["asked"] < starts).all()
    assert (now["asked"] >= starts).all()
    assert now["target"].notna().tolist() == (now["answered"] < knows).tolist()
    assert (now["asked"] >= knows).sum() > 10
    assert now.loc[now["asked"] >= knows, "target"].isna().all()


def test_an_answer_is_that_of_the_log_where_this_model_gave_it(tmp_path: Path) -> None:
    _, _, now = of("binary", "2013-09-01", "2013-07-01")
    assert project.read_log(tmp_path) is None
    (tmp_path / "predictions").mkdir()
    log = now[["row"]].iloc[:30].assign(probability=0.7, model_sha256=["a" * 64] * 20 + ["b" * 64] * 10)
    log.iloc[:15].to_parquet(tmp_path / "predictions/2013-07-01.parquet")
    log.iloc[15:].to_parquet(tmp_path / "predictions/2013-08-01.parquet")
    answer, logged = project.answers(Asked(), now, "row", project.read_log(tmp_path))
    assert logged == 20
    assert answer[:20].tolist() == [0.7] * 20
    assert set(answer[20:]) == {0.1}
    assert project.answers(Asked(), now.iloc[:0], "row", None)[0].shape == (0,)


@pytest.mark.parametrize("clock", ["2013-07-01", "2013-09-01", "2013-12-01"])
@pytest.mark.parametrize("kind", list(TASKS))
def test_300_rows_are_watched_whatever_the_champions_clock_is(kind: str, clock: str) -> None:
    problem, then, now = of(kind, "2013-09-01", clock)
    task: Task = problem.task
    days = {"then": days_of(then["asked"]), "now": days_of(now["asked"])}
    kinds = {"load": "number", "wind": "number", "noise": "number", "place": "category"}
    found = counted((then, days["then"]), kinds, [(then, days["then"])], [(now, days["now"])])
    assert joint.told_apart(found.bins, then, now, days, 1) is None
    answer = {
        name: np.repeat(task.constant(then["target"]), len(rows), axis=0)
        for name, rows in (("then", then), ("now", now))
    }
    sets = task.conform(then["target"], answer["then"], 0.9)
    said = task.answers(task.uncalibrated, sets, then["target"], 0.5)
    manifest: Any = SimpleNamespace(trained_until="2013-05-01T00:00:00+00:00")
    spoken = {
        name: project.spoken(problem, rows, answer[name], manifest, "UTC")
        for name, rows in (("then", then), ("now", now))
    }
    model = Model(task, said, "a" * 64, clock)
    parts = now[["place"]]
    evidence = watch(found, model, spoken["then"], spoken["now"] if len(now) else None, parts, None, BOUNDS, 1)
    assert evidence.watched_rows == len(now)
    for made in (show.alerts, show.weeks, show.outcome):
        assert isinstance(made(evidence), pd.DataFrame)
    assert list(show.words(evidence))
