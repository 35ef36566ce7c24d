"""A model that is kept beside the one that is served, by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd

from recommit.artifact.model import Model
from recommit.batch.scorer import Scorer


@dataclass(frozen=True, eq=False)
class Own(Scorer):
    """The same model, read once: a `Scorer` shares its two places with all others of the process."""

    @classmethod
    def of(cls, scorer: Scorer) -> "Own":
        """Returns the same model."""
        return cls(**{one.name: getattr(scorer, one.name) for one in fields(scorer)})

    @cached_property
    def _own(self) -> Model:
        return Model(self.content)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that the model reads."""
        return self._own.columns

    def answer(self, rows: pd.DataFrame) -> np.ndarray:
        """Returns the answer to each row."""
        return self._own.answer(rows)

    def run(self, feed: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the answers to rows that come as arrays."""
        return self._own.run(feed)
