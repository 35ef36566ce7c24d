"""What is watched in a project: its features before and from the champion's clock on, and what the champion said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.answers import answers_in
from recommit.artifact.manifest import Manifest
from recommit.batch.scorer import Scorer
from recommit.evidence.stages import Importance, LeftOut
from recommit.learning.calendar import clock
from recommit.learning.split import Splitter
from recommit.monitoring.tally import days_of
from recommit.monitoring.watch import Model, Spoken
from recommit.problem import Problem

LOG = "predictions/*.parquet"
"""Where tables of predictions are in the folder of the log."""


def parted(
    problem: Problem, past: pd.DataFrame, upcoming: pd.DataFrame, manifest: Manifest, splits: Splitter
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reference and the watched rows: those asked before the clock in `manifest`, and those from it on.

    `past` has the rows whose outcome is known, and `upcoming` those without one. Both results are in order of time.
    """
    instant, now = str(problem.instant), splits.now
    since = clock(manifest.as_of, splits.calendar.zone) if manifest.as_of else now
    may_be_missing: Any = {"bool": "boolean"}.get(problem.task.dtype, problem.task.dtype)
    truth = past[problem.target].astype(may_be_missing)
    rows = pd.concat([past.assign(**{problem.target: truth}), upcoming], ignore_index=True)
    rows = rows.sort_values(instant, kind="stable", ignore_index=True)
    before = (rows[instant] < since) & rows[problem.target].notna()
    return rows[before].reset_index(drop=True), rows[rows[instant] >= since].reset_index(drop=True)


def read_log(folder: Path) -> pd.DataFrame | None:
    """Return all predictions in the `folder` of the log, of all periods; None where there are none."""
    files = sorted(folder.glob(LOG))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True) if files else None


def answers(scorer: Scorer, rows: pd.DataFrame, key: str, log: pd.DataFrame | None) -> tuple[np.ndarray, int]:
    """Return the answer to each of `rows`, and how many are those of the `log`: of this very model, by the row's key.

    The model is asked for all others. A key that is twice in the log counts by its last row.
    """
    found = scorer.answer(rows[list(scorer.columns)]) if len(rows) else np.zeros((0, *scorer.task.shape))
    if log is None or not len(rows):
        return found, 0
    own = log[log["model_sha256"].astype("str") == scorer.sha256].drop_duplicates(key, keep="last")
    place = pd.Index(own[key]).get_indexer(pd.Index(rows[key]))
    found[place >= 0] = answers_in(own, scorer.task.parts)[place[place >= 0]]
    return found, int((place >= 0).sum())


def spoken(problem: Problem, rows: pd.DataFrame, answer: np.ndarray, manifest: Manifest, zone: str) -> Spoken:
    """Return what a model said of `rows`. It may have learned from those of which the outcome was known by then."""
    until = pd.Timestamp(manifest.trained_until) if manifest.trained_until else pd.Timestamp.max.tz_localize("UTC")
    learned = (rows[str(problem.known)] <= until).fillna(False).to_numpy("bool")
    return Spoken(days_of(rows[str(problem.instant)], zone), answer, rows[problem.target], learned)


def model_of(problem: Problem, scorer: Scorer, manifest: Manifest, importance: Importance | LeftOut | None) -> Model:
    """Return the watched model. Columns are worth what `importance` measured, or the same where it is left out."""
    worth = (
        {one.name: one.permuted.value for one in importance.features} if isinstance(importance, Importance) else None
    )
    return Model(problem.task, scorer.task, scorer.sha256, manifest.as_of, worth)


def kinds(problem: Problem) -> Mapping[str, str]:
    """Return "number" or "category" for each feature of the catalogue."""
    return {one.name: one.kind for one in problem.catalogue.features}
