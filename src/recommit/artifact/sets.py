"""The set of outcomes, or the interval, that goes with a prediction, from a conformal quantile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

Quantile = float | tuple[float, ...]
"""The quantile of all sets, or one for each outcome, in their order."""


@dataclass(frozen=True)
class Conformal:
    """An outcome is in the set if its probability is at least 1 - `quantile`; a larger quantile makes larger sets.

    That is the least ambiguous set (Sadinle, Lei and Wasserman 2019). It holds the true outcome with probability
    `level` for rows of the same distribution as those it was fitted on; its coverage of later rows must be measured.
    Two quantiles are those of the negative and of the positive outcome: the level then holds for each by itself.
    """

    level: float
    quantile: Quantile

    def sets(self, probability: ArrayLike) -> np.ndarray:
        """Return whether the negative and the positive outcome are in each set, (n, 2) bool, by `probability`, (n,)."""
        chance = np.asarray(probability, dtype="float64")
        return np.column_stack([chance, 1 - chance]) <= np.asarray(self.quantile)

    def covered(self, outcome: ArrayLike, probability: ArrayLike) -> np.ndarray:
        """Return whether each set holds the true `outcome`, (n,) of 0 and 1, by `probability`, (n,): (n,) bool."""
        truth = np.asarray(outcome, dtype="int64")
        return self.sets(probability)[np.arange(len(truth)), truth]

    def sizes(self, probability: ArrayLike) -> np.ndarray:
        """Return whether each set holds both outcomes, (n,) bool, by `probability`, (n,)."""
        return np.asarray(self.sets(probability).all(axis=1))


@dataclass(frozen=True)
class Several:
    """One of `classes` is in the set if its probability is at least 1 - `quantile`, or its own: see `Conformal`."""

    level: float
    quantile: Quantile
    classes: tuple[str, ...]

    def sets(self, probability: ArrayLike) -> np.ndarray:
        """Return whether each class is in each set, (n, k) bool, by `probability`, (n, k)."""
        return 1 - np.asarray(probability, dtype="float64") <= np.asarray(self.quantile)

    def covered(self, truth: ArrayLike, probability: ArrayLike) -> np.ndarray:
        """Return whether each set holds the true class, (n,) bool; `truth`, (n,), has names of classes."""
        return self.sets(probability)[np.arange(len(np.asarray(truth))), codes(truth, self.classes)]

    def sizes(self, probability: ArrayLike) -> np.ndarray:
        """Return how many classes each set holds, (n,)."""
        return np.asarray(self.sets(probability).sum(axis=1))

    def words(self, probability: ArrayLike) -> list[str]:
        """Return each set in words, (n,)."""
        held = self.sets(probability)
        found, places = np.unique(held, axis=0, return_inverse=True)
        said = [_OR.join(np.array(self.classes)[row]) or _NONE for row in found]
        return [said[place] for place in np.ravel(places)]


_OR, _NONE = " or ", "none of them"


def check_classes(classes: Sequence[str]) -> None:
    """Check that each of `classes` and each set of them has a name of its own. Raises ValueError in one line."""
    alike: dict[str, str] = {}
    for name in classes:
        if name.strip() != name or not name or _OR.strip() in name.split() or name == _NONE:
            raise ValueError(f"a class cannot be called {name!r}, which in a set of classes could mean another")
        if name.casefold() in alike:
            raise ValueError(f"the classes {alike[name.casefold()]!r} and {name!r} have one name: call one otherwise")
        alike[name.casefold()] = name


def codes(truth: ArrayLike, classes: Sequence[str]) -> np.ndarray:
    """Return the place of each true class among `classes`, (n,). Raises ValueError for one that is none of them."""
    found = pd.Index(list(classes), dtype=object).get_indexer(pd.Index(np.asarray(truth, dtype=object)))
    if (found < 0).any():
        other = np.asarray(truth, dtype=object)[int(np.argmax(found < 0))]
        raise ValueError(f"{other!r} is none of the classes {', '.join(classes)}")
    return np.asarray(found, dtype="int64")


def from_words(words: ArrayLike, classes: Sequence[str]) -> np.ndarray:
    """Return whether each set, written in `words`, (n,), holds each of `classes`: (n, k) bool.

    Raises ValueError for words that are no set of these classes.
    """
    written = np.asarray(words, dtype=object)
    names, places = np.unique(written.astype(str), return_inverse=True)
    held = np.zeros((len(names), len(classes)), dtype=bool)
    for row, name in zip(held, names.tolist(), strict=True):
        row[codes([] if name == _NONE else name.split(_OR), classes)] = True
    return held[places]


@dataclass(frozen=True)
class Around:
    """An interval reaches `quantile` below and above its answer, in the target's unit; a larger one is wider.

    It holds the true number with probability `level` for rows of the same distribution as those it was fitted on; its
    coverage of later rows must be measured.
    """

    level: float
    quantile: float

    def ends(self, answer: ArrayLike) -> np.ndarray:
        """Return the lower and the upper end of each interval, (n, 2)."""
        middle = np.asarray(answer, dtype="float64")
        return np.column_stack([middle - self.quantile, middle + self.quantile])

    def covered(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return whether each interval holds the true number, (n,) bool."""
        return np.abs(np.asarray(truth, dtype="float64") - np.asarray(answer, dtype="float64")) <= self.quantile

    def sizes(self, answer: ArrayLike) -> np.ndarray:
        """Return how wide each interval is, (n,)."""
        return np.full(len(np.asarray(answer)), 2 * self.quantile)


def set_words(outcomes: Sequence[str]) -> list[str]:
    """Return the words for the set of no outcome, of the negative one, of the positive one, and of both."""
    return ["neither", *outcomes, " or ".join(outcomes)]


def as_sets(words: ArrayLike, outcomes: Sequence[str]) -> np.ndarray:
    """Return whether each set, written in `words`, (n,), holds the negative and the positive outcome: (n, 2) bool.

    Raises ValueError for words that are no set of these outcomes.
    """
    codes = {word: code for code, word in enumerate(set_words(outcomes))}
    written = np.asarray(words, dtype=object).tolist()
    for word in set(written) - codes.keys():
        raise ValueError(f"{word!r} is no set of {outcomes[0]} and {outcomes[1]}")
    code = np.array([codes[word] for word in written], dtype="int64")
    return np.column_stack([code & 1, code & 2]).astype(bool)
