"""The tolerance: how far a new result may be from the recorded one and still count as equal."""

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from recommit import Refusal

# Smaller numbers are compared as if they had this size, because the relative difference of two rounding errors near
# zero means nothing. A larger value lets more small differences count as equal.
NEAR_ZERO = 1e-3


@dataclass(frozen=True)
class Tolerance:
    """The table [tool.recommit.tolerance] of pyproject.toml. Larger values let more differences count as equal.

    `numbers` is relative, `predictions` absolute, and `figures` a root-mean-square distance of pixels (0 to 255).
    """

    numbers: float = 1e-9
    predictions: float = 1e-6
    figures: float = 0.1


EXACTLY = Tolerance(0, 0, 0)


def read_tolerance(folder: Path) -> Tolerance:
    """Returns the tolerance that pyproject.toml in `folder` sets; values that it does not set have their defaults.

    Raises Refusal for a file that is not TOML, an unknown name, or a value that is not a number of 0 or more.
    """
    file = folder / "pyproject.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise Refusal(f"{file} is not TOML: {error}") from None
    table = content
    for name in ("tool", "recommit", "tolerance"):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise Refusal(f"{file}: [tool.recommit.tolerance] is not a table: write `numbers = 1e-9` and such under it")
    known = [field.name for field in fields(Tolerance)]
    for name, value in table.items():
        if name not in known:
            raise Refusal(f"{file}: [tool.recommit.tolerance] has {name}: it knows {', '.join(known)}")
        if type(value) not in (int, float) or not (0 <= value < math.inf):
            raise Refusal(f"{file}: [tool.recommit.tolerance] {name} is {value!r}: expected a number, 0 or more")
    return Tolerance(**table)


def relative_difference(was: ArrayLike, now: ArrayLike) -> np.ndarray:
    """Returns |was - now| / max(|was|, |now|, NEAR_ZERO), element by element.

    It is 0 for two equal numbers and for two NaN, and infinite if only one number is NaN or infinite.
    """
    was, now = np.asarray(was, dtype="float64"), np.asarray(now, dtype="float64")
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.maximum(np.maximum(np.abs(was), np.abs(now)), NEAR_ZERO)
        difference = np.abs(was - now) / size
    same = (was == now) | (np.isnan(was) & np.isnan(now))
    return np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
