"""A checked model with what goes with its predictions, in a form that another process can be given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recommit.artifact.load import load
from recommit.artifact.model import Model
from recommit.artifact.sets import Conformal
from recommit.batch.outcome import set_words


@dataclass(frozen=True, eq=False)
class Scorer:
    """The bytes of a model file that was checked, and what names it.

    `version` is what it was registered as, or else its hash; `folder` is where it was. `values` maps a text input to
    its known values; `golden` are the golden rows.
    """

    content: bytes
    name: str
    target: str
    version: str
    folder: Path
    sha256: str
    sets: Conformal
    horizon_hours: float
    values: Mapping[str, tuple[str, ...]]
    golden: pd.DataFrame

    @property
    def columns(self) -> dict[str, str]:
        """The columns that the model reads: "number" or "text"."""
        return _model(self.content).columns

    def probability(self, rows: pd.DataFrame) -> np.ndarray:
        """Returns the probability of each row, (rows,) float64.

        A row has the same bits, whatever the other rows and the process. Raises ValueError for rows that the model has
        no answer for.
        """
        return _model(self.content).predict_proba(rows)

    def written(self, probability: np.ndarray, outcomes: tuple[str, str]) -> dict[str, pa.Array]:
        """Returns what is written beside a row's key: probability, set (in words), model, version, model_sha256."""
        held = self.sets.sets(probability)
        words = pa.array(set_words(outcomes))
        code = pa.array((held[:, 0] + 2 * held[:, 1]).astype("int8"))
        always = pa.array(np.zeros(len(probability), "int8"))
        told = {"model": self.name, "version": self.version, "model_sha256": self.sha256}
        return {
            "probability": pa.array(probability),
            "set": pa.DictionaryArray.from_arrays(code, words),
        } | {name: pa.DictionaryArray.from_arrays(always, pa.array([value])) for name, value in told.items()}


def load_scorer(folder: Path, version: str | None = None) -> Scorer:
    """Returns the model in `folder`, once it is checked and answers its golden rows. Raises `Refusal` when it does not.

    Without a `version` it is named by its hash, as sha256:0123456789: where a stage runs there is no registry.
    """
    artifact = load(folder)
    manifest = artifact.manifest
    return Scorer(
        content=artifact.content,
        name=manifest.name,
        target=manifest.target,
        version=version or f"sha256:{manifest.hashes.model[:10]}",
        folder=folder,
        sha256=manifest.hashes.model,
        sets=artifact.sets,
        horizon_hours=float(manifest.prediction.horizon_hours),
        values={one.name: tuple(one.values) for one in manifest.inputs if one.values is not None},
        golden=artifact.golden.rows,
    )


@lru_cache(maxsize=2)
def _model(content: bytes) -> Model:
    return Model(content)
