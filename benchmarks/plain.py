"""The pipeline's work as one plain script: the cells of every stage in one process, without kernels, papermill or DVC.

Example, from the project's folder: python benchmarks/plain.py /tmp/plain
"""

import os
import shutil
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from recommit.notebook.run import read_notebook
from recommit.project.files import root
from recommit.project.params import declared_values
from recommit.project.pipeline import Stage, stages
from recommit.report.pages import write_report

NEEDED = ("dvc.yaml", "params.yaml", "src", "notebooks", "locks", "models/champion", "data/log")


def main(folder: Path) -> None:
    """Run all stages in `folder`, in the order of dvc.yaml, which is that of the data's road."""
    project = root()
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (project / name).is_dir() else shutil.copy2
        copy(project / name, folder / name)
    os.chdir(folder)
    for stage in stages(folder):
        print(stage.name, flush=True)
        run(stage, folder) if stage.notebook else write_report(folder)


def run(stage: Stage, folder: Path) -> None:
    """Run the code cells of the stage's notebook with its parameters, and keep the notebook as it is."""
    notebook = read_notebook(folder / (stage.notebook or ""))
    names: dict[str, object] = {"__name__": "__main__", "display": print}  # Jupyter gives every notebook `display`
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        exec(compile(cell.source, f"{stage.notebook}, cell {cell.id}", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= declared_values(stage, folder)
    plt.close("all")
    (folder / stage.executed).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(folder / (stage.notebook or ""), folder / stage.executed)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("plain.py: expected one folder to write to")
    matplotlib.use("agg")
    main(Path(sys.argv[1]).resolve())
