"""What a project declares in dvc.yaml, and the notebooks that its stages run, each file read once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from recommit import Refusal
from recommit.notebook.run import read_notebook
from recommit.project.pipeline import Stage, stages
from recommit.project.yaml import read_yaml


@dataclass(frozen=True)
class Finding:
    """One fault: `where` is the file and stage; `what` says what was found, what is expected, and what to do."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Declared:
    """What the project in `folder` declares. Each file is read once, when it is first needed."""

    folder: Path

    @cached_property
    def pipeline(self) -> dict[str, Any]:
        """The content of dvc.yaml."""
        return read_yaml(self.folder / "dvc.yaml")

    @cached_property
    def entries(self) -> dict[str, Any]:
        """The entries of the stages in dvc.yaml, by name."""
        return self.pipeline.get("stages") or {}

    @cached_property
    def stages(self) -> list[Stage]:
        """The stages with their templates filled in; each item of a matrix stage is a stage."""
        return stages(self.folder)

    @cached_property
    def notebooks(self) -> list[str]:
        """The path of every notebook that a stage runs, also if the file does not exist."""
        return sorted({stage.notebook for stage in self.stages if stage.notebook})

    @property
    def scratch(self) -> list[str]:
        """The notebooks in notebooks/ that no stage runs. They are not checked, because no stage depends on them."""
        found = (path.relative_to(self.folder) for path in (self.folder / "notebooks").rglob("*.ipynb"))
        seen = {path.as_posix() for path in found if ".ipynb_checkpoints" not in path.parts}
        return sorted(seen - set(self.notebooks))

    @cached_property
    def _read(self) -> dict[str, NotebookNode | Finding]:
        return {name: _notebook(self.folder, name) for name in self.notebooks}

    @property
    def readable(self) -> dict[str, NotebookNode]:
        """The notebooks that can be read, by path."""
        return {name: read for name, read in self._read.items() if not isinstance(read, Finding)}

    @property
    def unreadable(self) -> list[Finding]:
        """One finding for each notebook that cannot be read."""
        return [read for read in self._read.values() if isinstance(read, Finding)]


def entry_of(stage: Stage) -> str:
    """Returns where a finding about `stage` is: its entry in dvc.yaml."""
    return f"dvc.yaml: stage {stage.family}"


def holds_modules(dep: Path) -> bool:
    """Returns whether `dep` holds modules, so that imports tell whether it is used. Other files in src/ are data."""
    return dep.suffix == ".py" or not dep.exists() or any(dep.rglob("*.py"))


def _notebook(folder: Path, name: str) -> NotebookNode | Finding:
    if not (folder / name).is_file():
        return Finding(name, "there is no such notebook, and a stage of dvc.yaml runs it: add it, or mend the path")
    try:
        return read_notebook(folder / name)
    except Refusal as refusal:
        return Finding(name, str(refusal).removeprefix(f"{folder / name}: "))
