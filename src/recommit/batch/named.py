"""Finds the model that a name stands for, ready to score."""

from pathlib import Path

from recommit import Refusal
from recommit.artifact.champion import champion
from recommit.artifact.load import MODEL
from recommit.batch.scorer import Scorer, load_scorer
from recommit.registry.files import BASELINE, CHAMPION, hashes
from recommit.registry.history import read_registry
from recommit.registry.resolve import resolve


def open_scorer(root: Path, wanted: str | None = None) -> Scorer:
    """Returns the model that is `wanted`: a folder, or NAME@STAGE, NAME@VERSION or VERSION of the registry.

    Without `wanted` it is what is served: models/champion, or models/baseline until a version is promoted. Raises
    `Refusal` where there is no such model, or its files are not those that its manifest names.
    """
    if wanted is not None:
        folder = resolve(root, wanted)
    else:
        folder = champion(root / CHAMPION, root / BASELINE)
        if not (folder / MODEL).is_file():
            raise Refusal(f"neither {CHAMPION} nor {BASELINE} holds a model: `dvc pull` or `dvc repro` first")
    return load_scorer(folder, _registered(root, folder))


def _registered(root: Path, folder: Path) -> str | None:
    """Returns the version that the files in `folder` are registered as, or None, also where there is no registry."""
    try:
        return read_registry(root).of_files(hashes(folder))
    except Refusal:
        return None
