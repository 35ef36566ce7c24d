"""Write the three files of a model, if they can be loaded again."""

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
    """Write model.onnx, golden.json and the manifest that describes them into `folder`, and return them loaded.

    `content` and `golden` are the bytes of the first two files. `said`, from `recommit.artifact.manifest.describe`, is
    the manifest without what follows from them: format, operator sets, operators and their hashes.

    Raises Refusal, which names the fit and the reason, for a model that would not be loaded; the folder then stays as
    it was. Each file appears whole, the manifest last. A process killed in between leaves files that the old manifest
    does not describe: they are not loaded, and the next call writes over them.
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
