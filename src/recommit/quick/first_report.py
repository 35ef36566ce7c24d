"""The first report as text: what a look at a sample found, and what to do next."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from recommit.evidence.files import FOLDER, read
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Features, Leakage, Selection
from recommit.learning.intervals import blocks
from recommit.learning.judging import differences, intervals
from recommit.learning.selection import predictions_of
from recommit.learning.splits import Splitter, splitter
from recommit.problem import Problem, load_problem
from recommit.project.yaml import read_params
from recommit.template.look_target import TaskKind, give_aways

_SHOWN = 8
"""Columns that are listed; more are counted."""


def first_report(folder: Path) -> str:
    """Return as text what stages found in the copy `folder` of a project, and what to do next."""
    problem, params = load_problem(folder), read_params(folder)
    splits = splitter(problem, params["split"], params["as_of"])
    selection = read(folder / FOLDER / "selection.json", Selection)
    leakage = read(folder / FOLDER / "leakage.json", Leakage)
    unasked = [one.name for one in read(folder / FOLDER / "features.json", Features).features if one.unasked]
    parts = (
        _scores(folder, problem, params, splits, selection),
        _telling(folder, problem, leakage),
        _order(problem, params, splits, selection),
        _next(problem, leakage, unasked),
    )
    return "\n".join(["", *("\n".join([*part, ""]) for part in parts)]).rstrip()


def _scores(
    folder: Path, problem: Problem, params: Mapping[str, Any], splits: Splitter, selection: Selection
) -> Iterator[str]:
    task, fits = problem.task, params["fits"]
    names = [f"{model}-{features}" for model in fits["model"] for features in fits["features"]]
    rows, answers = predictions_of(task, folder / "data/folds", names)
    drawn = blocks(splits.blocks(rows), params["seed"])
    judged = {name: task.judge(rows[problem.target], answer, drawn) for name, answer in answers.items()}
    shown = list(dict.fromkeys([task.loss, *judged[names[0]]]))[:2]
    table = {
        name: {SCORES[score].heading: str(intervals(scores)[score]) for score in shown}
        | {f"{SCORES[task.loss].name.lower()} saved": str(intervals(differences(scores, judged[names[0]]))[task.loss])}
        for name, scores in judged.items()
    }
    share = f", of a sample of {params['sample']:.1%}" if params["sample"] < 1 else ""
    yield problem.question
    yield f"{len(rows):,} rows that no fit had seen{share}; saved: of what {names[0]} loses; [interval at 95 %]"
    yield pd.DataFrame(table).T.to_string()
    yield f"The simplest within a standard error of the best: {selection.chosen}"


def _telling(folder: Path, problem: Problem, leakage: Leakage) -> Iterator[str]:
    """Of the training rows: what columns of the table tell, features or not, and what the stage `leakage` found."""
    given, features = _give_aways(folder, problem), {*problem.catalogue.all}
    yield f"Columns that give {problem.target} away: {len(given) or 'none found'}"
    for name, how in list(given.items())[:_SHOWN]:
        yield f"  {name}: {how}; {'a feature' if name in features else 'in no feature'}"
    found = Counter((leak.certainty, leak.kind) for leak in leakage.leaks)
    yield f"Leaks among features, rows and fitted steps: {'' if found else 'none found'}".rstrip()
    for (certainty, kind), number in found.items():
        first = next(leak for leak in leakage.leaks if leak.kind == kind)
        yield f"  {certainty}{f', the first of {number}' if number > 1 else ''}: {first}"


def _give_aways(folder: Path, problem: Problem) -> dict[str, str]:
    """Return the columns of the table that tell the target of the training rows, and how: alone, or together."""
    key, target, kind = problem.key, problem.target, cast(TaskKind, problem.task.kind)
    train = pd.read_parquet(folder / "data/features/train.parquet", columns=[key, target])
    table = pd.read_parquet(folder / f"data/raw/{problem.rows.name}.parquet").drop(columns=target, errors="ignore")
    rows = table.merge(train, on=key)
    told = [one for one in problem.rows.columns if one.name not in (key, target) and rows[one.name].notna().any()]
    columns: dict[str, pd.Series] = {one.name: rows[one.name].astype("str") for one in told if one.kind == "text"}
    columns |= {one.name: rows[one.name].astype("float64") for one in told if one.kind in ("number", "whole")}
    truth = rows[target]
    codes = pd.factorize(truth)[0] if kind == "classes" else truth.to_numpy("float64" if kind == "number" else "bool")
    return give_aways(columns, codes, kind, target)


def _order(problem: Problem, params: Mapping[str, Any], splits: Splitter, selection: Selection) -> Iterator[str]:
    folds = ", ".join(selection.periods)
    if splits.ordered:
        yield f"The order of time, by {problem.instant}, is kept: fits on what was known before predicted {folds}."
        yield f"The last part before the clock, {params['as_of']}, is for the test: no number here is about it."
    else:
        by = f"its {problem.group}" if params["split"]["by"] == "group" else "its key"
        yield f"Rows are not in order of time: a hash of {by} puts each row into a part: {folds}, and one for the test."
        yield "No number here is about the part for the test."


def _next(problem: Problem, leakage: Leakage, unasked: list[str]) -> Iterator[str]:
    package = problem.build.__module__.partition(".")[0]
    yield "Next:"
    if any(leak.certainty == "proof" for leak in leakage.leaks):
        yield "  see to what is proved above: the gate lets no model pass while there is a leak"
    if unasked:
        more = f" and {len(unasked) - _SHOWN} more" if len(unasked) > _SHOWN else ""
        names = f"{', '.join(unasked[:_SHOWN])}{more}"
        yield f"  say in src/{package}/columns.py whether these are known when the prediction is asked for: {names}"
    yield "  make repro: all rows, the rows to test on, the gate's decision, the report"
    yield "  the notebooks of this look, with their figures: .dvc/tmp/quick/reports/notebooks"
