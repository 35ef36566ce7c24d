"""A project of one notebook, small enough that a test can say in a few lines what is wrong with it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[3]
PARAMETERS = """\
from recommit.notebook import params

seed: int = params["seed"]
model: str = "tree"
"""
DVC = """\
stages:
  fit:
    desc: Fit one model
    matrix: {model: [tree, line]}
    cmd: recommit run notebooks/fit.ipynb
    params: [seed]
    deps: [notebooks/fit.ipynb]
    outs:
      - reports/${item.model}.ipynb: {persist: true}
      - models/${item.model}.txt: {persist: true}
"""
WORK = """\
from pathlib import Path

Path("models").mkdir(exist_ok=True)
Path(f"models/{model}.txt").write_text(f"fitted with seed {seed}")
"""


@dataclass
class TinyProject:
    """A folder with the machinery, `params.yaml`, a matrix stage `fit` of two items, and its notebook."""

    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def notebook(self, *cells: str, parameters: str | None = PARAMETERS, tags: int = 1) -> None:
        """The stage's notebook: a parameters cell, given `tags` times, and then `cells`."""
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "recommit", "display_name": "Recommit", "language": "python"}
        if parameters is not None:
            for _ in range(max(tags, 1)):
                cell = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]} if tags else {})
                notebook.cells.append(cell)
        notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        self.write("notebooks/fit.ipynb", nbformat.writes(notebook))

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's commands in the project."""
        return subprocess.run(
            words, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True, timeout=600
        )

    def run(self, stage: str = "fit@tree", **environment: str) -> subprocess.CompletedProcess[str]:
        return self.command("recommit", "run", "notebooks/fit.ipynb", DVC_STAGE=stage, **environment)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        return inherited | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def tiny(tmp_path: Path) -> TinyProject:
    project = TinyProject(tmp_path / "tiny")
    shutil.copytree(ROOT / "src" / "recommit", project.folder / "src" / "recommit")
    shutil.copytree(ROOT / "install", project.folder / "install")
    project.write("params.yaml", 'seed: 7\nas_of: "2013-09-01"\n')
    project.write("dvc.yaml", DVC)
    project.notebook(WORK)
    return project
