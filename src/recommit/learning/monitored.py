"""What is looked at in each table of a problem, period by period, by what its columns are declared to be."""

from collections.abc import Collection, Mapping
from typing import Any

from recommit.columns import Column, Table, clocks_of
from recommit.learning.periods import Monitored
from recommit.problem import Problem


def monitored(problem: Problem) -> Mapping[str, Monitored]:
    """Return what to look at in the rows and in the feature table: what `problem.monitored` says, or by declaration."""
    if problem.monitored:
        return problem.monitored()
    if not (problem.event and problem.instant):
        return {}
    rows, target = problem.rows, problem.target
    return {
        rows.name: of_table(
            rows,
            problem.event,
            rows.keys[0],
            (problem.key,),
            label=target,
            late=tuple(one.name for one in rows.columns if problem.known in clocks_of(one)),
            late_after=str(problem.known),
        ),
        problem.features.name: of_table(
            problem.features,
            problem.instant,
            (problem.key,),
            (problem.key, str(problem.known), target),
            label=target,
            predictors=tuple(problem.catalogue.all),
            made_from=rows.name,
            whole=False,
        ),
    }


def of_table(
    table: Table, at: str, key: tuple[str, ...], left_out: Collection[str], label: str, **more: Any
) -> Monitored:
    """Sort the columns of `table` but those in `left_out` by kind: numbers, texts of a list and yes or no, others.

    `at`, `key`, `label` and `more` are those of `Monitored`. Of the label only missing values are looked at: that it
    comes more often than before is no fault of the data.
    """
    kinds: dict[str, Any] = {"numbers": (), "categories": (), "others": ()}
    for column in table.columns:
        if column.name not in left_out:
            kinds["others" if column.name == label else _kind(column)] += (column.name,)
    return Monitored(at, key, **kinds, label=label, **more)


def _kind(column: Column) -> str:
    if column.kind in ("number", "whole"):
        return "numbers"
    return "categories" if column.kind == "boolean" or (column.kind == "text" and column.values) else "others"
