"""The stages as their executed notebooks note them: all that the report, which may not read dvc.yaml, knows of them."""

import shlex

from nbformat import NotebookNode

from recommit.project.pipeline import Stage


def of_notebook(executed: NotebookNode, name: str, desc: str) -> Stage:
    """Return the stage `name` with the notebook, deps and outs that its executed notebook notes, and this `desc`."""
    noted = executed.metadata.get("recommit", {})
    notebook = noted.get("notebook")
    cmd = shlex.join(["recommit", "run", notebook]) if notebook else ""
    return Stage(name, cmd, deps=tuple(noted.get("deps", ())), outs=tuple(noted.get("outs", ())), desc=desc)
