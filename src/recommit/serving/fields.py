"""What each value of a row to predict must be: from what the problem and the model declare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from recommit import Refusal
from recommit.batch.job import refuse_other
from recommit.batch.scorer import Scorer
from recommit.columns import Column, Kind
from recommit.problem import Problem
from recommit.serving.refused import some

Rows = Literal["asked", "features"]
WORDS: Mapping[Kind, str] = {
    "number": "a number",
    "whole": "a whole number",
    "text": "a text",
    "instant": "an instant with its time zone, like 2013-09-01T06:15:00Z",
}


@dataclass(frozen=True)
class Field:
    """One value of a row: its name, its kind, and which values are allowed.

    `values` are all texts allowed, if they are known; `low` and `high` bound a number. A `nullable` value may be null,
    which is a missing one; one that is not `needed` may be left out.
    """

    name: str
    kind: Kind
    unit: str = ""
    description: str = ""
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    nullable: bool = False
    needed: bool = True

    @property
    def expected(self) -> str:
        """What is allowed, in words."""
        said = WORDS[self.kind]
        if self.values:
            said = f"one of {some(self.values)}"
        elif self.low is not None:
            said += f" from {self.low:g}" + (f" to {self.high:g}" if self.high is not None else " on")
        return said + (", or null where it is missing" if self.nullable else "")


def fields(problem: Problem, scorer: Scorer, rows: Rows) -> tuple[Field, ...]:
    """Returns the fields of a row, in order: "asked", where its features are computed, else "features", with its key.

    Raises `Refusal` when the model is of another problem.
    """
    refuse_other(problem, scorer)
    if rows == "asked":
        numbered = problem.form.numbered if problem.form else ""
        return tuple(_of_column(problem.rows[name]) for name in problem.asked if name != numbered)
    kept = tuple(
        Field(name, kind, description="written beside the prediction", nullable=True, needed=False)
        for name, kind in problem.kept.items()
        if name not in scorer.columns
    )
    return (*kept, *inputs(problem, scorer))


def inputs(problem: Problem, scorer: Scorer) -> tuple[Field, ...]:
    """Returns the fields that are the model's inputs, in their order."""
    told = {feature.name: feature for feature in problem.catalogue.features}
    found = []
    for name, kind in scorer.columns.items():
        if name not in problem.features.names:
            raise Refusal(f"the model reads {name}, which {problem.features.name} does not declare")
        column, feature = problem.features[name], told.get(name)
        known = scorer.values.get(name) or (() if column.draft else column.values)
        if not column.draft and column.values:
            known = tuple(value for value in known if value in column.values)
        found.append(
            Field(
                name,
                "number" if kind == "number" else "text",
                feature.unit if feature else column.unit,
                "; ".join(filter(None, [feature.description if feature else "", _seen(column)])),
                known if kind == "text" else (),
                *_bounds(column),
                # A model has no missing text: it is one of its values, as "unknown".
                nullable=kind == "number" and column.missing != "never",
            )
        )
    return tuple(found)


def _of_column(column: Column) -> Field:
    values = () if column.draft else column.values
    nullable = column.missing != "never" and column.kind != "whole"
    return Field(column.name, column.kind, column.unit, _seen(column), values, *_bounds(column), nullable=nullable)


def _seen(column: Column) -> str:
    """Returns in words what a draft says of the values, which refuses none."""
    if column.draft and column.values:
        return f"so far {some(column.values)}"
    if not column.draft or column.within is None or not isinstance(column.within[0], int | float):
        return ""
    low, high = column.within
    return f"so far {low:g} to {high:g}" if high is not None else f"so far {low:g} or more"


def _bounds(column: Column) -> tuple[float | None, float | None]:
    """Returns the lowest and the highest number that is not refused; a range of instants is left to the schema."""
    low, high = (None, None) if column.draft or column.within is None else column.within
    if not isinstance(low, int | float):
        return None, None
    return float(low), None if high is None else float(high)
