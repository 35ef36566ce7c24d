"""With a long horizon, labels that are not due yet are no fault of the data; those that are due and lack are one."""

import numpy as np
import pandas as pd
import pytest

from recommit.catalogue import WITH_ROW, Catalogue, as_given
from recommit.columns import ALWAYS, Column, Table, since
from recommit.evidence.stages import Flag
from recommit.learning import parts, quality
from recommit.learning.monitored import monitored
from recommit.learning.reference import Smallest
from recommit.learning.splits import splitter
from recommit.plain import feature_table, own_columns
from recommit.problem import Problem
from recommit.task import Binary
from recommit.validation import check

ROWS = Table(
    "rows",
    keys=(("id",),),
    columns=(
        Column("id", "whole", ALWAYS, given=True),
        Column("at", "instant", ALWAYS, given=True),
        Column("warm", "number", ALWAYS, given=True),
        Column("busy", "boolean", since("known_at"), missing="may be"),
        Column("known_at", "instant", since("known_at")),
    ),
)
CATALOGUE = Catalogue((as_given(ROWS["warm"], "warmth", WITH_ROW),), {"full": ("warm",)})


def build(history: object, rows: pd.DataFrame, horizon_hours: float) -> pd.DataFrame:
    return pd.concat([rows[["id", "at"]], own_columns(rows, CATALOGUE)], axis=1)


PROBLEM = Problem(
    name="bikes",
    question="Will it be busy?",
    task=Binary(("no", "yes")),
    target="busy",
    rows=ROWS,
    features=feature_table(ROWS, CATALOGUE, target="busy", instant="at", known="known_at"),
    catalogue=CATALOGUE,
    build=build,
    tables=(ROWS,),
    instant="at",
    known="known_at",
    event="at",
)
SMALLEST = Smallest(
    share=0.02, shift=0.1, beyond=0.25, rows=0.2, hours=12, factor=2, slope=0.2, phase_hours=0.5, relation=0.05
)


def hourly(horizon_hours: float) -> pd.DataFrame:
    """Rows every third hour of nine months, each with its label so long after it."""
    draw = np.random.default_rng(3)
    at = pd.Series(pd.date_range("2023-01-01", "2023-10-31", freq="3h", tz="UTC").as_unit("us"))
    busy = pd.Series(draw.random(len(at)) < 0.4).astype("boolean")
    known = at + pd.Timedelta(hours=horizon_hours)
    return pd.DataFrame(
        {"id": np.arange(len(at)), "at": at, "warm": draw.normal(15, 8, len(at)), "busy": busy, "known_at": known}
    )


def flags(rows: pd.DataFrame, gone: pd.Series | None = None) -> list[Flag]:
    """What `quality` flags at the first of October; the rows that are `gone` were lost on the way to the features."""
    splits = splitter(PROBLEM, {"by": "month", "folds": 3}, "2023-10-01")
    past = splits.test(parts.settled(PROBLEM, {"rows": rows}, splits.now, 0))
    features = pd.concat([past.train, past.test[PROBLEM.unlabelled]], ignore_index=True).astype({"busy": "boolean"})
    if gone is not None:
        features = features[~features["id"].isin(rows.loc[gone, "id"])].reset_index(drop=True)
    known = PROBLEM.as_known_at({"rows": rows}, splits.now) | {"features": features}
    tables = {name: quality.tracked(PROBLEM, table) for name, table in known.items()}
    owed = {"rows": quality.owed(PROBLEM, splits, tables["rows"])}
    found = quality.reports(
        tables, monitored(PROBLEM), splits.calendar, splits.now, SMALLEST, seed=7, level=0.95, owed=owed
    )
    return [flag for report in found.values() for flag in report.flags]


@pytest.mark.parametrize("horizon_hours", [3, 20 * 24])
def test_labels_that_are_not_due_are_no_flag(horizon_hours: float) -> None:
    assert flags(hourly(horizon_hours)) == []


def test_labels_that_are_due_and_lack_are_flagged() -> None:
    rows = hourly(5 * 24)
    lost = rows["at"].between("2023-09-05", "2023-09-20")
    rows.loc[lost, "busy"] = pd.NA
    assert ("2023-09", "busy", "missing") in [(flag.period, flag.column, flag.what) for flag in flags(rows)]


def test_rows_that_are_due_and_lost_on_the_way_are_flagged() -> None:
    rows = hourly(5 * 24)
    lost = rows["at"].between("2023-09-05", "2023-09-20")
    assert ("2023-09", "kept") in [(flag.period, flag.what) for flag in flags(rows, lost)]


def test_rows_without_a_label_pass_the_checks_of_the_tables() -> None:
    rows = hourly(24)
    rows.loc[[3, 5], "busy"] = pd.NA
    assert check(PROBLEM, {"rows": rows}).empty
