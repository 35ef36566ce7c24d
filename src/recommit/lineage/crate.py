"""The lineage as a Provenance Run Crate 0.5: https://w3id.org/ro/wfrun/provenance/0.5, on RO-Crate 1.1."""

import io
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from recommit import Refusal
from recommit.lineage.entities import CONTEXT, METADATA, PIPELINE, Graph
from recommit.lineage.trace import Lineage
from recommit.project.files import write_whole
from recommit.project.hashes import stays_inside

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def may_write(output: Path) -> None:
    """Raises Refusal where `output` is there already: a crate is written whole, and into nothing of yours."""
    if output.exists():
        raise Refusal(f"{output} is there already: name another place, or delete it")


def write_crate(found: Lineage, output: Path) -> None:
    """Write the crate as the folder `output`, or as one file if its name ends with .zip; whole or not at all.

    It holds the pipeline, and what Git keeps of the inputs and results; what DVC keeps is described by its hash.
    """
    may_write(output)
    files = crate(found)
    astray = next((name for name in files if not stays_inside(name)), None)
    if astray is not None:
        raise Refusal(f"{astray!r} leads out of the crate: nothing is written")
    if output.suffix == ".zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            folders = {f"{folder}/" for name in files for folder in PurePosixPath(name).parents if folder.name}
            for name in sorted({*files, *folders}):  # readers look for a folder by its own entry
                archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), files.get(name, b""), zipfile.ZIP_DEFLATED)
        write_whole(output, packed.getvalue())
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        unfinished.chmod(0o777 & ~_umask())
        for name, content in files.items():
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / name).write_bytes(content)
        unfinished.rename(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def crate(found: Lineage) -> dict[str, bytes]:
    """The files of the crate, name to contents."""
    if found.model and found.model.shot.sha != found.shot.sha:
        raise Refusal(
            "the row's model was made at another commit, and a crate tells of one run: "
            f"ask for {found.model.thing.name}"
        )
    if not found.steps:
        raise Refusal(f"no stage made {found.thing.path}: there is no run to tell of")
    shot = found.shot
    used = [item.path for step in found.steps for item in (*step.inputs, *step.outs)]
    tracked = {file for path in used for file in shot.beneath(path)} | {name for name in PIPELINE if name in shot.files}
    names = sorted(tracked - {METADATA})
    contents = dict(zip(names, shot.read(*names), strict=True))
    graph = list(Graph(found, contents).entities())
    text = json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False) + "\n"
    return contents | {METADATA: text.encode()}
