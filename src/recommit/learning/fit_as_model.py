"""Write a fit as a model: the candidate, and the baseline, which is the champion until one is promoted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from recommit.artifact import golden, manifest, parity
from recommit.artifact.load import Artifact
from recommit.artifact.model import Model
from recommit.artifact.write import write_model
from recommit.evidence.files import plain
from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Fit
from recommit.problem import Problem
from recommit.task import Calibration, Sets


def write_fit(
    folder: Path,
    problem: Problem,
    fit: Fit,
    content: bytes,
    asked: pd.DataFrame,
    compared: list[parity.Compared],
    calibration: Calibration,
    sets: Sets,
    truth: ArrayLike,
    scores: Mapping[str, Interval],
    seed: int,
    threshold: float | None,
    **more: Any,
) -> Artifact:
    """Write model file, golden rows and manifest into `folder`, and return them loaded.

    `content` is the model file with its `calibration` in it. `asked` are the rows of `data/parity` of this fit, from
    which the golden rows come, and `compared` is what parity found on them. `truth`, (n,), is the target of all folds'
    rows, `scores` are those of the last fold. `more` are as_of, horizon_hours and lock of the manifest. Raises Refusal
    where the model could not be loaded.
    """
    task, model = problem.task, Model(content)
    stated = task.answers(calibration, sets, truth, threshold)
    said = manifest.describe(
        plain(fit),
        name=problem.name,
        problem=problem.question,
        target=problem.target,
        instant=problem.when,
        inputs=manifest.inputs_of(model.columns, problem.catalogue.units(), problem.catalogue.categories()),
        task=stated,
        parity=parity.largest(compared),
        scores=plain(dict(scores)),
        **more,
    )
    rows = golden.golden_bytes(golden.choose(asked, model, stated, seed), model, stated)
    return write_model(folder, content, rows, said)
