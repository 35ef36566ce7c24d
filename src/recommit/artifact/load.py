"""Load a model: a folder of three files, each of which is checked before it is used."""

import math
from dataclasses import asdict, dataclass
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

MODEL, MANIFEST, GOLDEN = "model.onnx", "manifest.json", "golden.json"


@dataclass(frozen=True)
class Artifact:
    """A checked model: its manifest, what predicts, and its golden rows."""

    manifest: Manifest
    model: Model
    content: bytes
    """The bytes of the model file."""
    golden: Golden


def load(folder: Path) -> Artifact:
    """Load the model in `folder`, which holds model.onnx, manifest.json and golden.json.

    The sizes and hashes of model and golden rows are compared with the manifest before they are parsed. Then the
    model's fields, operators and shapes must be allowed; its inputs, their values, its kind of task and its calibration
    must be those of the manifest; and its answers to the golden rows must be the expected ones. The same bytes are
    checked and loaded.

    Raises Refusal in one line, or in one line per error of the manifest: which file, what was found, what is allowed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise Refusal(f"{folder} is not a folder with a model in it")
    manifest = read_manifest(folder / MANIFEST)
    content = _read(folder / MODEL, MOST_MODEL_BYTES, manifest.hashes.model)
    golden = _read(folder / GOLDEN, MOST_GOLDEN_BYTES, manifest.hashes.golden)
    try:
        graph = read_graph(content)
        _agree(graph, manifest)
        model = Model(content)
    except ValueError as error:
        raise Refusal(f"{folder / MODEL} ({manifest.model}) is not loaded: {reason(error)}") from None
    try:
        rows = read_golden(golden, graph.inputs, manifest.task)
    except ValueError as error:
        raise Refusal(f"{folder / GOLDEN} is not loaded: {reason(error)}") from None
    differs = replay(rows, model, manifest.task)
    if differs:
        raise Refusal(f"{folder / MODEL} ({manifest.model}) does not answer as expected: {differs}")
    return Artifact(manifest, model, content, rows)


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
    """Check that `manifest` describes the model file with this `graph`. Raises ValueError if it does not."""
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
    demand(graph.kind == manifest.task.kind, f"its answers are of the kind {graph.kind}, not {manifest.task.kind}")
    demand(graph.width == manifest.task.width, f"its answers have {graph.width} numbers, not {manifest.task.width}")
    for name, stated in asdict(manifest.task.calibrate).items():
        value = getattr(graph.calibration, name)
        fits = math.isclose(value, stated, rel_tol=1e-7, abs_tol=1e-37)  # the file has it as a float32
        demand(fits, f"its calibration has the {name} {value:.7g}, and the manifest's is {stated:.7g}")


def _difference(found: list[Any], stated: list[Any]) -> str:
    """Return in words the first entry that only `found`, of the file, has, and the first that only `stated` has."""
    ours, theirs = (
        [one for one in some if one not in set(others)][:1] for some, others in ((found, stated), (stated, found))
    )
    words = [f"only the file has {one!r}" for one in ours] + [f"only the manifest has {one!r}" for one in theirs]
    return " and ".join(words) or "the order differs"
