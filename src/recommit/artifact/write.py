"""Write a model: the three files of its folder, only when they can be loaded again, the manifest last."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recommit import Refusal
from recommit.artifact.files import sha256
from recommit.artifact.graph import read_graph
from recommit.artifact.load import GOLDEN, MANIFEST, MODEL, Artifact, load
from recommit.artifact.manifest import FORMAT, manifest_of, write_manifest


def write_model(folder: Path, content: bytes, golden: bytes, said: Mapping[str, Any]) -> Artifact:
    """Write model.onnx, golden.json and the manifest that describes both, and load them.

    `content` and `golden` are the bytes of the first two; `said` is the manifest without what can be read off them:
    format, opsets, operators and their hashes; its own hashes are of the training table and the lock.

    Raises Refusal, and leaves the folder as it was, for a model that would not be loaded: the fit is named, with the
    reason. Each file appears whole, one after the other, as DVC keeps what else is in the folder. Who is killed in
    between leaves a manifest, or none, that the files before it do not fit: that is not loaded, and written over by
    the next one.
    """
    with TemporaryDirectory(dir=folder.parent) as place:
        unfinished = Path(place)
        try:
            graph = read_graph(content)
            hashes = {**said["hashes"], "model": sha256(content), "golden": sha256(golden)}
            of_files = {"format": FORMAT, "opsets": graph.opsets, "operators": list(graph.operators), "hashes": hashes}
            manifest = manifest_of(json.loads(json.dumps({**said, **of_files})), Path(MANIFEST))
            (unfinished / MODEL).write_bytes(content)
            (unfinished / GOLDEN).write_bytes(golden)
            write_manifest(unfinished / MANIFEST, manifest)
            artifact = load(unfinished)
        except (ValueError, Refusal) as error:
            reason = str(error).replace(f"{unfinished}/", "")
            raise Refusal(f"{said['fit']} cannot be the candidate: {reason}") from None
        folder.mkdir(exist_ok=True)
        for name in (MODEL, GOLDEN, MANIFEST):
            (unfinished / name).replace(folder / name)
    return artifact
