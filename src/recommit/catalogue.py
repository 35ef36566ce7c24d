"""What each feature means, where it comes from and from when it is known; and which features make a set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from recommit.columns import Column

UNASKED = "unasked"
"""A feature's `available` where nobody has said yet whether it is known when the prediction is asked for."""
WITH_ROW = "with the row"
"""A feature's `available` where it is known: it comes with the row to score."""
UNKNOWN = "unknown"
"""The value of a category that is none of its vocabulary."""
_DESCRIBED = ("name", "description", "source", "unit", "available", "cost", "owner", "kind")


@dataclass(frozen=True)
class Feature:
    """One column of the feature table, and what a reader must know to trust it.

    `available` says from when its value is known, `cost` what it takes to have it when a prediction is asked for. A
    category is text from `vocabulary`, or "unknown"; a number is float32, NaN where nothing is known.
    """

    name: str
    description: str
    source: str
    unit: str
    available: str
    cost: str
    owner: str = "the project"
    kind: Literal["number", "category"] = "number"
    vocabulary: tuple[str, ...] = ()


def as_given(column: Column, description: str, available: str = UNASKED, values: tuple[str, ...] = ()) -> Feature:
    """Return the feature that a column of the rows to score is, as it comes.

    `values` are the vocabulary of a text where the column does not say it: those of more values than a model is given.
    """
    kind: Literal["number", "category"] = "category" if column.kind == "text" else "number"
    unit, vocabulary = column.unit or "-", values or column.values
    return Feature(column.name, description, "rows", unit, available, WITH_ROW, kind=kind, vocabulary=vocabulary)


def listed(texts: str, mark: str = "|") -> tuple[str, ...]:
    """Return the texts between the marks: a long vocabulary, in few lines."""
    return tuple(texts.split(mark))


@dataclass(frozen=True)
class Catalogue:
    """All features, and the names of those in each set: `sets` maps a set's name to them, the fewest first.

    Raises ValueError where a feature is declared twice, or a set names one that is not declared.
    """

    features: tuple[Feature, ...]
    sets: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        known = [feature.name for feature in self.features]
        if twice := sorted({name for name in known if known.count(name) > 1}):
            raise ValueError(f"the feature {twice[0]} is declared twice")
        for name, members in self.sets.items():
            if absent := [member for member in members if member not in known]:
                raise ValueError(f"the feature set {name} names {', '.join(absent)}, which no feature is called")

    @property
    def all(self) -> list[str]:
        """The names of all features, in order."""
        return [feature.name for feature in self.features]

    def names(self, feature_set: str) -> list[str]:
        """Return the names of the features of a set, in order. Raises ValueError for an unknown set."""
        if feature_set not in self.sets:
            raise ValueError(f"no feature set {feature_set!r}; there are {', '.join(self.sets)}")
        return list(self.sets[feature_set])

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Map each category feature to its vocabulary, "unknown" last."""
        return {one.name: (*one.vocabulary, UNKNOWN) for one in self.features if one.kind == "category"}

    def units(self) -> dict[str, str]:
        """Map each feature to its unit."""
        return {feature.name: feature.unit for feature in self.features}

    def describe(self) -> pd.DataFrame:
        """List the features for reading: name, description, source, unit, available, cost, owner, kind."""
        rows = [[getattr(feature, column) for column in _DESCRIBED] for feature in self.features]
        return pd.DataFrame(rows, columns=list(_DESCRIBED))
