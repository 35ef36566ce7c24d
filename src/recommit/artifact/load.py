"""Load a model: a folder of three files, of which nothing is believed until it has been checked."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.artifact.files import demand, read_bounded, reason, sha256
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
    """Check that `manifest` describes the model file of which `graph` was read. Raises ValueError where it does not."""
    pairs: list[tuple[str, list[Any], list[Any]]] = [
        ("inputs", list(graph.inputs.items()), [(column.name, column.type) for column in manifest.inputs]),
        ("operators", list(graph.operators), manifest.operators),
        ("operator sets", list(graph.opsets.items()), list(manifest.opsets.items())),
    ]
    pairs += [
        (f"values of {column.name!r}", sorted(graph.categories.get(column.name, ())), sorted(column.values))
        for column in manifest.inputs
        if column.values is not None
    ]
    for what, found, stated in pairs:
        demand(found == stated, f"its {what} are not the manifest's: {_difference(found, stated)}")
    for name, value in graph.calibration._asdict().items():
        stated = getattr(manifest.calibration, name)
        fits = math.isclose(value, stated, rel_tol=1e-7, abs_tol=1e-37)  # the file has it as a float32
        demand(fits, f"its calibration has the {name} {value:.7g}, and the manifest's is {stated:.7g}")


def _difference(found: list[Any], stated: list[Any]) -> str:
    """What only the file has or only the manifest has, the first of each, in words."""
    ours, theirs = (
        [one for one in some if one not in set(others)][:1] for some, others in ((found, stated), (stated, found))
    )
    words = [f"only the file has {one!r}" for one in ours] + [f"only the manifest has {one!r}" for one in theirs]
    return " and ".join(words) or "the order differs"
