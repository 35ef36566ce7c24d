"""A checked model with what goes with its predictions, in a form that another process can be given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recommit.artifact.answers import Answers
from recommit.artifact.load import load
from recommit.artifact.model import Model


@dataclass(frozen=True, eq=False)
class Scorer:
    """The bytes of a model file that was checked, and what names it.

    `version` is what it was registered as, or else its hash; `folder` is where it was. `task` says what its answers
    are. `values` maps a text input to its known values; `golden` are the golden rows.
    """

    content: bytes
    name: str
    target: str
    version: str
    folder: Path
    sha256: str
    task: Answers
    horizon_hours: float
    values: Mapping[str, tuple[str, ...]]
    golden: pd.DataFrame

    @property
    def columns(self) -> dict[str, str]:
        """The columns that the model reads: "number" or "text"."""
        return _model(self.content).columns

    def answer(self, rows: pd.DataFrame) -> np.ndarray:
        """Returns the answer to each row, (rows,) or (rows, k) float64: probabilities or a number, as `task` says.

        A row has the same bits, whatever the other rows and the process. Raises ValueError for rows that the model has
        no answer for.
        """
        return _model(self.content).answer(rows)

    def run(self, feed: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the answers to rows that come as arrays: see `Model.run`."""
        return _model(self.content).run(feed)

    def written(self, answer: np.ndarray) -> dict[str, pa.Array]:
        """Returns what is written beside a row's key: the columns of its `task`, model, version, model_sha256."""
        always = pa.array(np.zeros(len(answer), "int8"))
        told = {"model": self.name, "version": self.version, "model_sha256": self.sha256}
        return self.task.columns(answer) | {
            name: pa.DictionaryArray.from_arrays(always, pa.array([value])) for name, value in told.items()
        }


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
        task=manifest.task,
        horizon_hours=float(manifest.prediction.horizon_hours),
        values={one.name: tuple(one.values) for one in manifest.inputs if one.values is not None},
        golden=artifact.golden.rows,
    )


@lru_cache(maxsize=2)
def _model(content: bytes) -> Model:
    return Model(content)
