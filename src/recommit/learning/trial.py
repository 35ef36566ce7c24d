"""Tries a model from a cell: what it scores on the folds, and by how much that is better than the candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from recommit import Line, Refusal
from recommit.artifact.answers import answers_in
from recommit.artifact.files import sha256_of
from recommit.evidence.files import read
from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Fit, Selection
from recommit.learning import judging
from recommit.learning.crossval import predict_folds
from recommit.learning.intervals import LEAST_BLOCKS, LEAST_ROWS, blocks
from recommit.learning.models import builder
from recommit.learning.selection import predictions_of
from recommit.learning.split import Split
from recommit.learning.splits import needed, splitter
from recommit.learning.splits import sample as drawn
from recommit.problem import Problem, load_problem
from recommit.project.files import root
from recommit.project.yaml import read_params

FEW = 20_000
"""So many training rows of each fold are fitted on, if nothing else is said: enough for an answer in seconds."""
_REFITTED: dict[tuple[Any, ...], np.ndarray] = {}
"""What the candidate answers when it is fitted on few rows, by what it was fitted on: later tries need it again."""
TRAIN, FOLDS, CHOSEN = "data/features/train.parquet", "data/folds", "reports/evidence/selection.json"


def try_model(model: str, *, features: str | None = None, sample: int | None = FEW, **changes: Any) -> pd.DataFrame:
    """Score a model on the folds of the training rows, beside the candidate. Nothing is written.

    The model has its parameters of params.yaml, with the `changes`, and takes the feature set `features`, by default
    the candidate's. It is prepared, fitted and scored as by the stages `train` and `select`, without calibration.

    Returns one row per score, with intervals: of the model, of the candidate, and by how much the model is better, in
    the same rows. Where a fold has more training rows than `sample`, both are fitted on so many, drawn with the seed.
    With None the model is fitted on all of them; the candidate's answers are then those of its stage.

    Raises Refusal, which a notebook shows as one line, for an unknown model, parameter or feature set, and where the
    pipeline has not made the candidate yet, or made it of other rows.

    Example: `try_model("boosting", max_iter=120, features="full")`
    """
    try:
        folder = root()
        return _tried(folder, load_problem(folder), read_params(folder), model, features, sample, changes)
    except (ValueError, Refusal) as error:
        raise Line(str(error)) from None


def _tried(
    folder: Path,
    problem: Problem,
    params: Mapping[str, Any],
    model: str,
    features: str | None,
    sample: int | None,
    changes: Mapping[str, Any],
) -> pd.DataFrame:
    if sample is not None and sample < 1:
        raise Refusal(f"sample is {sample}: take a number of rows, or None for all")
    task, seed, splits = problem.task, params["seed"], splitter(problem, params["split"], params.get("as_of"))
    candidate = _candidate(folder)
    mine, theirs = (problem.catalogue.names(one) for one in (features or candidate.features, candidate.features))
    setting = {**params["models"].get(model, {}), **changes}
    build = builder(problem, seed)
    build(model, setting, mine)  # before data is read: a wrong word is told at once
    table = _read(folder, candidate, needed(splits, problem.target, *mine, *theirs))
    whole = splits.folds(table)
    folds = [_at_most(fold, sample, seed) for fold in whole]
    sampled = any(len(fold.train) < len(one.train) for fold, one in zip(folds, whole, strict=True))

    def answered(name: str, with_params: Mapping[str, Any], columns: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
        found = predict_folds(
            task, lambda: build(name, with_params, columns), folds, columns, problem.target, splits.columns
        )
        return found.drop(columns=list(task.parts)), answers_in(found, task.parts)

    rows, answer = answered(model, setting, mine)
    if sampled:
        key = (candidate.fit, candidate.train, repr(candidate.params), sample, seed, repr(splits))
        if key not in _REFITTED:
            _REFITTED[key] = answered(candidate.model, candidate.params, theirs)[1]
        other = _REFITTED[key]
    else:
        kept, answers = predictions_of(task, folder / FOLDS, [candidate.fit])
        if not kept.equals(rows):
            raise Refusal(f"{FOLDS}/{candidate.fit}.parquet is of other rows: `recommit repro select` makes it anew")
        other = answers[candidate.fit]
    cut = blocks(splits.blocks(rows), seed)
    tried, beside = (task.judge(rows[problem.target], one, cut) for one in (answer, other))
    better = judging.differences(tried, beside)
    least, most = (f(len(fold.train) for fold in whole) for f in (min, max))
    number = f"{sample:,} of the {least:,} to {most:,}" if sampled else f"all {least:,} to {most:,}"
    print(
        f"{len(folds)} folds, {len(rows):,} rows, fitted on {number} training rows of each"
        + (", the candidate too; sample=None takes all" if sampled else "")
    )
    enough = len(rows) >= LEAST_ROWS and cut.number >= LEAST_BLOCKS
    print(_verdict(better[task.loss].interval(), enough, f", both fitted on {sample:,} rows" if sampled else ""))
    words = ", ".join(f"{name}={value!r}" for name, value in changes.items())
    named = " ".join(filter(None, (model, "on", features or candidate.features, f"({words})" if words else "")))
    return judging.as_table({named: tried, f"the candidate: {candidate.fit}": beside, "better by": better}).T


def _candidate(folder: Path) -> Fit:
    """Return what is known of the fit that `select` chose. Raises Refusal where a file of it is not there."""
    chosen = read(_there(folder, CHOSEN), Selection).chosen
    _there(folder, f"{FOLDS}/{chosen}.parquet")
    return read(_there(folder, f"models/fits/{chosen}.json"), Fit)


def _there(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        raise Refusal(f"{name} is not here: `recommit repro select` in a terminal makes it, or `dvc pull` brings it")
    return folder / name


def _read(folder: Path, candidate: Fit, columns: Sequence[str]) -> pd.DataFrame:
    """Return the training rows. Raises Refusal where the candidate learned from others, or a column is not there."""
    path = _there(folder, TRAIN)
    if sha256_of(path) != candidate.train:
        raise Refusal(f"{TRAIN} is not what {candidate.fit} learned from: `recommit repro select` makes the fits anew")
    if absent := [name for name in columns if name not in pq.read_schema(path).names]:
        raise Refusal(f"{TRAIN} has no column {', '.join(absent)}: `recommit repro select` makes it anew")
    return pd.read_parquet(path, columns=list(columns))


def _at_most(fold: Split, rows: int | None, seed: int) -> Split:
    few = rows is None or len(fold.train) <= rows
    return fold if few else replace(fold, train=drawn(fold.train, int(rows or 0), seed))


def _verdict(gain: Interval, enough: bool, how: str) -> str:
    if not enough:
        return f"Fewer than {LEAST_ROWS} rows or {LEAST_BLOCKS} blocks are too few to tell it from the candidate."
    if gain.low <= 0 <= gain.high:
        return f"These rows cannot tell it from the candidate{how}."
    return f"It is {'better' if gain.low > 0 else 'worse'} than the candidate{how}."
