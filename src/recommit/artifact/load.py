"""Load a model: a folder of three files, of which nothing is believed until it has been checked."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.artifact.files import read_bounded, reason, sha256
from recommit.artifact.golden import MOST_BYTES as MOST_GOLDEN_BYTES
from recommit.artifact.golden import Golden, read_golden, replay
from recommit.artifact.graph import Graph, read_graph
from recommit.artifact.manifest import Manifest, read_manifest
from recommit.artifact.model import MOST_BYTES as MOST_MODEL_BYTES
from recommit.artifact.model import Model
from recommit.artifact.sets import Conformal

MODEL, MANIFEST, GOLDEN = "model.onnx", "manifest.json", "golden.json"


@dataclass(frozen=True)
class Artifact:
    """A model that was checked: what it is, what predicts, and what turns a probability into a set of outcomes."""

    manifest: Manifest
    model: Model
    sets: Conformal
    content: bytes
    """The bytes of the model file."""
    golden: Golden


def load(folder: Path) -> Artifact:
    """Load the model in a folder of model.onnx, manifest.json and golden.json.

    Before anything takes model or golden rows apart, their sizes and hashes must be what the manifest says. Then the
    file's fields, operators and shapes must be among those known, its inputs, their values and its calibration those of
    the manifest, and its answers to the golden rows those expected. The very bytes that were checked are loaded.

    Raises Refusal in one line, or one for each error of the manifest: which file, what was found, what is due.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise Refusal(f"{folder} is no folder with a model in it")
    manifest = read_manifest(folder / MANIFEST)
    content = _read(folder / MODEL, MOST_MODEL_BYTES, manifest.hashes.model)
    golden = _read(folder / GOLDEN, MOST_GOLDEN_BYTES, manifest.hashes.golden)
    try:
        graph = read_graph(content)
        _agree(graph, manifest)
        model = Model(content)
    except ValueError as error:
        raise Refusal(f"{folder / MODEL} ({manifest.model}) is not loaded: {reason(error)}") from None
    sets = Conformal(manifest.conformal.level, manifest.conformal.quantile)
    try:
        rows = read_golden(golden, graph.inputs)
    except ValueError as error:
        raise Refusal(f"{folder / GOLDEN} is not loaded: {reason(error)}") from None
    differs = replay(rows, model, sets)
    if differs:
        raise Refusal(f"{folder / MODEL} ({manifest.model}) does not answer as expected: {differs}")
    return Artifact(manifest, model, sets, content, rows)


def _read(path: Path, most: int, due: str) -> bytes:
    content = read_bounded(path, most)
    found = sha256(content)
    if found != due:
        raise Refusal(
            f"{path} is not the file that {MANIFEST} describes: its SHA-256 is {found[:10]}..., not {due[:10]}...; "
            "it was changed, cut short or put there from elsewhere: take the folder whole, with `dvc checkout`"
        )
    return content


def _agree(graph: Graph, manifest: Manifest) -> None:
    due = {column.name: column.type for column in manifest.inputs}
    pairs: list[tuple[str, Any, Any]] = [
        ("inputs", list(graph.inputs.items()), list(due.items())),
        ("operators", list(graph.operators), manifest.operators),
        ("operator sets", graph.opsets, manifest.opsets),
    ]
    for what, found, said in pairs:
        if found != said:
            raise ValueError(f"its {what} are not the manifest's: {_difference(list(found), list(said))}")
    for column in manifest.inputs:
        known = graph.categories.get(column.name, ())
        if column.values is not None and set(column.values) != set(known):
            difference = _difference(list(known), column.values)
            raise ValueError(f"its values of {column.name!r} are not the manifest's: {difference}")
    for name, value in graph.calibration._asdict().items():
        stated = getattr(manifest.calibration, name)
        # The file has it as a float32.
        if not math.isclose(value, stated, rel_tol=1e-7, abs_tol=1e-37):
            raise ValueError(f"its calibration has the {name} {value:.7g}, and the manifest's is {stated:.7g}")


def _difference(found: list[Any], said: list[Any]) -> str:
    known = {"only the file has": (found, set(said)), "only the manifest has": (said, set(found))}
    first = {words: next((one for one in ours if one not in theirs), None) for words, (ours, theirs) in known.items()}
    words = [f"{where} {one!r}" for where, one in first.items() if one is not None]
    return " and ".join(words) or "the order or the versions differ"
