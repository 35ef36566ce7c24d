"""Writes the lineage as a Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5), with the package rocrate."""

import shutil
import tempfile
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from recommit import Refusal
from recommit.lineage.chain import Item, Step
from recommit.lineage.export import as_text, refuse_without_runs, run_id
from recommit.lineage.trace import Lineage

METADATA = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
# Terms of the profile's own context; RO-Crate 1.1 knows the others.
_TERMS = {name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("md5", "sha256")}
_KEPT = {"dvc": "Kept by DVC: `dvc pull` gets it", "outside": "Outside the project", "nowhere": "Not in the commit"}
_PIPELINE = ("dvc.yaml", "dvc.lock", "params.yaml", "pyproject.toml", "locks/run.txt")


def write_crate(found: Lineage, output: Path) -> None:
    """Write the crate of the lineage `found` as the folder `output`, whole or not at all.

    It holds the pipeline, and the inputs and results that Git keeps. Those that DVC keeps are described by their hash.
    Raises Refusal if `output` exists, no stage was run, or the row's model was made at another commit.
    """
    if output.exists():
        raise Refusal(f"{output} is there already: name another place, or delete it")
    refuse_without_runs(found)
    if found.model and found.model.shot.sha != found.shot.sha:
        name = found.model.thing.name
        raise Refusal(f"the row's model was made at another commit, and a crate describes one commit: ask for {name}")
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        _Crate(found).crate.write(unfinished / "crate")
        (unfinished / "crate").rename(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class _Crate:
    """The crate of a lineage. Its entities are files, folders, the run of each stage, and the crate itself."""

    def __init__(self, found: Lineage) -> None:
        self.shot = found.shot
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_terms.update(_TERMS)
        self.data: dict[str, Entity] = {}
        for path in _PIPELINE:
            if path in self.shot.files:
                self._file(path)
        for item in (item for step in found.steps for item in (*step.code, *step.data, *step.outs)):
            self._keep(item)
        self.author = self._add("#author", "Person", name=self.shot.author)
        project = self.shot.project_table
        for key, value in {
            "name": f"{project.get('name', 'project')}: the lineage of {found.thing.name}",
            "description": f"{len(found.steps)} runs of stages, up to {found.thing.path}, in commit {self.shot.sha}",
            "datePublished": self.shot.date,
            "license": as_text(project.get("license") or "No licence is stated"),
            "identifier": f"git:{self.shot.sha}",
            "author": self.author,
            "conformsTo": self._add(_PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"),
            "mentions": [self._run(step) for step in found.steps],
        }.items():
            self.crate.root_dataset[key] = value

    def _add(self, name: str, kind: str, /, **properties: Any) -> Entity:
        return self.crate.add(ContextEntity(self.crate, name, {"@type": kind} | properties))

    def _keep(self, item: Item) -> None:
        """Add a recorded file or folder: by its path if Git keeps it, else by an identifier."""
        about = {"name": item.path, "md5": item.md5}
        if item.path in self.shot.files:
            self._file(item.path)["md5"] = item.md5
        elif files := [self._file(path) for path in self.shot.beneath(item.path)]:
            self.data[item.path] = self.crate.add_dataset(dest_path=item.path, properties=about | {"hasPart": files})
        else:
            # arcp identifiers: https://www.ietf.org/archive/id/draft-soilandreyes-arcp-03.html
            base = f"arcp://uuid,{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:recommit:{self.shot.sha}')}/"
            about["description"] = _KEPT[item.kept]
            add = self.crate.add_dataset if item.md5.endswith(".dir") else self.crate.add_file
            # A path that leads out of the project stays one part of the identifier, so that no reader follows it.
            self.data[item.path] = add(
                base + quote(item.path, safe="" if item.kept == "outside" else "/"), properties=about
            )

    def _file(self, path: str) -> Entity:
        """Return the entity of the tracked file `path`, with the contents that the commit has."""
        if path not in self.data:
            kind = ["File", "SoftwareSourceCode"] if path.endswith((".py", ".ipynb")) else "File"
            about = {"@type": kind, "name": path}
            content = BytesIO(self.shot.files[path])
            self.data[path] = self.crate.add_file(content, path, properties=about, record_size=True)
        return self.data[path]

    def _run(self, step: Step) -> Entity:
        """Add the run of a stage with its notebook or command, inputs, parameters and outs, and return it."""
        tool = next((self.data[item.path] for item in step.code if item.path in step.cmd.split()), None)
        given = [self.data[item.path] for item in (*step.code, *step.data)]
        for package in step.packages:
            about = {"name": f"{package.name} {package.version}", "sha256": list(package.sha256)}
            given.append(self._add(f"pkg:pypi/{package.name}@{package.version}", "SoftwareApplication", **about))
        for key, value in step.params.items():
            name = f"#value/{quote(step.stage)}/{quote(key)}"
            given.append(self._add(name, "PropertyValue", name=key, value=as_text(value)))
        return self.crate.add_action(
            tool or self._add(f"#tool/{quote(step.family)}", "SoftwareApplication", name=step.cmd),
            f"#run/{quote(step.stage)}",
            given,
            [self.data[out.path] for out in step.outs],
            {
                "name": f"{step.stage}: {step.cmd}",
                "description": step.desc or step.stage,
                "identifier": run_id(self.shot, step),
                "endTime": self.shot.date,
                "agent": self.author,
            },
        )
