"""What the machinery is told of a problem: the one interface between `recommit` and the project's own package."""

import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recommit import Refusal
from recommit.columns import Kind, Table, Tables


@dataclass(frozen=True)
class Problem:
    """A problem: what is predicted, of which rows, from what.

    Its function is one of a module, so that a worker process finds it by name.
    """

    name: str
    """The model's name in the registry."""
    target: str
    """The column that is predicted, true or false."""
    outcomes: tuple[str, str]
    """The words for false and true."""
    rows: Table
    """The declared table that rows to score are of: its given columns come with them, its first key names one."""
    features: Table
    """The declared table that `build` gives: the model's inputs are among its columns."""
    beside: tuple[str, ...]
    """Given columns that go with a row's prediction, after its key."""
    instant: str
    """The column of the built features that says at which instant the prediction is asked for."""
    horizon: str
    """The parameter, in hours, that `build` takes."""
    history: tuple[Table, ...]
    """The declared tables that features are computed from: NAME.parquet in a folder."""
    build: Callable[[Tables, pd.DataFrame, float], pd.DataFrame]
    """`build(history, rows, horizon_hours)` returns the key, the prediction instant and every feature.

    One row per input row, in the same order.
    """

    def __post_init__(self) -> None:
        """Raise ValueError where the tables do not declare what is said of them."""
        if len(self.rows.keys[0]) > 1:
            raise ValueError(f"the first key of {self.rows.name} must be one column, which names a row")
        if absent := [name for name in (self.key, *self.beside) if name not in self.rows.given]:
            raise ValueError(f"{self.rows.name} declares no given column {', '.join(absent)}")
        if self.instant not in self.features.names:
            raise ValueError(f"{self.features.name} declares no column {self.instant}")
        if untold := [name for name, kind in self.asked.items() if kind == "boolean"]:
            raise ValueError(f"{untold[0]} is given and a boolean, which no table to score is read for: take a text")

    @property
    def key(self) -> str:
        """The column that names a row."""
        return self.rows.keys[0][0]

    @property
    def asked(self) -> dict[str, Kind]:
        """Columns that a row needs for its features to be computed: those that are given with it."""
        return {name: self.rows[name].kind for name in self.rows.given}

    @property
    def kept(self) -> dict[str, Kind]:
        """Columns that go with a row's prediction where there are such, in order: the key first, the instant last."""
        return {name: self.rows[name].kind for name in (self.key, *self.beside)} | {self.instant: "instant"}


def load_problem(root: Path) -> Problem:
    """The problem that the project in `root` names in pyproject.toml: [tool.recommit] problem = "MODULE:NAME".

    Raises `Refusal` where it is not named, not there, or no `Problem`.
    """
    file = Path(root) / "pyproject.toml"
    wanted = 'it needs [tool.recommit] problem = "PACKAGE.problem:PROBLEM"'
    try:
        named = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("recommit", {}).get("problem")
    except FileNotFoundError:
        raise Refusal(f"{file} is missing: {wanted}") from None
    except ValueError as error:
        raise Refusal(f"{file} cannot be read ({error}): mend it") from None
    if named is None:
        raise Refusal(f"{file} names no problem: {wanted}")
    module, colon, name = named.partition(":") if isinstance(named, str) else ("", "", "")
    if not (module and colon and name):
        raise Refusal(f"{file} names the problem {named!r}: {wanted}")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise Refusal(f"the problem {named} of {file} cannot be imported: {error}") from None
    if not isinstance(found, Problem):
        what = "is not there" if found is None else f"is a {type(found).__name__}"
        raise Refusal(f"the problem {named} of {file} {what}: it must be a recommit.problem.Problem")
    return found
