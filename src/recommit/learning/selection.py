"""Choose among all fits by their predictions for folds that they were not fitted on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recommit.artifact.answers import answers_in
from recommit.evidence.numbers import Scores
from recommit.evidence.stages import Ranked, Selection
from recommit.learning.intervals import blocks
from recommit.task import Task

Answers = Mapping[str, np.ndarray]
"""The answers of each fit by its name, (rows,) or (rows, k)."""


def predictions_of(task: Task, folder: Path, fits: Sequence[str]) -> tuple[pd.DataFrame, Answers]:
    """Read what each fit predicted for the rows of the folds, from FIT.parquet in `folder`: (rows, answers).

    Rows has fold, the target and the columns of the splitter; answers has those of each fit, in that order. Raises
    ValueError where a file is missing, or where two fits did not predict the same rows.
    """
    rows: pd.DataFrame | None = None
    answers: dict[str, np.ndarray] = {}
    for fit in fits:
        try:
            table = pd.read_parquet(folder / f"{fit}.parquet")
        except FileNotFoundError:
            raise ValueError(f"{folder / fit}.parquet is missing: `dvc repro train@{fit}` makes it") from None
        keys = table.drop(columns=list(task.parts))
        if rows is not None and not keys.equals(rows):
            raise ValueError(f"{fit} did not predict the same rows as {fits[0]}: `dvc repro` makes both anew")
        rows, answers[fit] = keys, answers_in(table, task.parts)
    if rows is None:
        raise ValueError("no fits to choose among: name some under fits in params.yaml")
    return rows, answers


def choose(task: Task, truth: pd.Series, labels: pd.Series, answers: Answers, seed: int) -> list[Ranked]:
    """Return the fits, lowest mean loss first, one of them chosen by the one-standard-error rule.

    `answers` are those of each fit, the simplest first. The rule of Breiman et al. (1984) takes the simplest that
    is within a standard error of the best. The error here is that of the paired difference by blocks, which
    `labels` name: days, say, differ far more than fits do, and all fits saw the same ones.
    """
    drawn = blocks(labels, seed)
    losses = np.column_stack([task.losses(truth, answers[fit]) for fit in answers])
    means = drawn.ratio(losses)
    best = int(np.argmin(means.value))
    gaps = means.less(best)
    errors = np.nan_to_num(gaps.error)  # of one block, there is none
    chosen = int(np.flatnonzero(gaps.value <= errors)[0])
    scored = [
        Ranked(fit, mean, gap, float(error), place == chosen)
        for place, (fit, mean, gap, error) in enumerate(
            zip(map(str, answers), means.each(), gaps.each(), errors, strict=True)
        )
    ]
    return sorted(scored, key=lambda fit: (fit.mean.value, fit.fit))


def by_fold(task: Task, truth: pd.Series, fold: pd.Series, answers: Answers) -> pd.DataFrame:
    """Return the mean loss of each fit in each fold: columns fit, fold, loss."""
    losses = pd.DataFrame({fit: task.losses(truth, answers[fit]) for fit in answers})
    means = losses.groupby(fold.to_numpy()).mean().rename_axis("fold").reset_index()
    return means.melt(id_vars="fold", var_name="fit", value_name="loss")


def as_table(scored: Sequence[Ranked]) -> pd.DataFrame:
    """Return one row per fit, best first: loss, difference to the best, its standard error, whether chosen."""
    return pd.DataFrame(
        [
            {
                "fit": one.fit,
                "loss": str(one.mean),
                "more than the best's": str(one.difference),
                "standard error": round(one.standard_error, 4),
                "chosen": "chosen" if one.chosen else "",
            }
            for one in scored
        ]
    )


def as_evidence(
    task: Task,
    ranked: Sequence[Ranked],
    rows: pd.DataFrame,
    by_period: Mapping[str, Scores],
    used_until: pd.Timestamp | None,
) -> Selection:
    """Return the choice as evidence: `rows` were predicted, `by_period` are the chosen fit's scores.

    `used_until` is when the last target that the choice used was known; None where rows have no time.
    """
    return Selection(
        metric=task.loss,
        rule="the simplest within a standard error of the best",
        periods=tuple(sorted(rows["fold"].unique())),
        used_until=used_until,
        best=ranked[0].fit,
        chosen=next(one.fit for one in ranked if one.chosen),
        table=tuple(ranked),
        by_period=dict(by_period),
    )
