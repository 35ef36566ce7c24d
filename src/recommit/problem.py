"""What the machinery is told of a problem: the one interface between `recommit` and the project's own package."""

import importlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from recommit import Refusal

Tables = dict[str, pd.DataFrame]
Kind = Literal["number", "whole", "text", "instant"]


@dataclass(frozen=True)
class Problem:
    """A problem: what is predicted, of which rows, from what.

    Its functions are functions of modules, so that a worker process finds them by name.
    """

    name: str
    """The model's name in the registry."""
    target: str
    """The column that is predicted, true or false."""
    outcomes: tuple[str, str]
    """The words for false and true."""
    key: str
    """The column that names a row."""
    kept: Mapping[str, Kind]
    """Columns that go with a row's prediction where there are such, in order: the key first."""
    asked: Mapping[str, Kind]
    """Columns that a row needs for its features to be computed: what is known of it beforehand."""
    instant: str
    """The column of the built features that says at which instant the prediction is asked for."""
    horizon: str
    """The parameter, in hours, that `build` takes."""
    history: tuple[str, ...]
    """The tables that features are computed from: NAME.parquet in a folder."""
    build: Callable[[Tables, pd.DataFrame, float], pd.DataFrame]
    """(history, rows asked, horizon in hours) to the key, the instant and every feature: a row a row, in that order."""
    as_known_at: Callable[[Tables, pd.Timestamp], Tables]
    """History as it was known at an instant (UTC)."""
    known_until: Callable[[Tables], pd.Timestamp]
    """The last instant (UTC) that history tells of: a row asked for later would get the features of a silent world."""
    check_asked: Callable[[pd.DataFrame], pd.DataFrame]
    """Rows asked to the rules that they break: a row a broken rule, `row` (place, from 0) and `reason`."""
    check_features: Callable[[pd.DataFrame], pd.DataFrame]
    """The same for rows of features, of which some columns may be absent."""


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


def read_history(names: Sequence[str], folder: Path) -> Tables:
    """The history tables of those names, NAME.parquet in `folder`. Raises `Refusal` for one that cannot be read."""
    absent = [f"{name}.parquet" for name in names if not (folder / f"{name}.parquet").is_file()]
    if absent:
        files = ", ".join(absent)
        raise Refusal(f"{folder} lacks {files}, of which features are made: put it there; `dvc pull` gets data/raw")
    return {name: _read(folder / f"{name}.parquet") for name in names}


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:  # Arrow's own are kinds of both
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Refusal(f"{path}, which features are computed from, cannot be read: {reason}") from None
