"""Run a notebook as a stage: the contract, the execution, the canonical form."""

from typing import TYPE_CHECKING, Any

from recommit.notebook.paths import path
from recommit.project.params import params

if TYPE_CHECKING:
    from recommit.problem import Problem

__all__ = ["params", "path", "problem"]

problem: "Problem"
"""The problem that the project around the current folder declares: see `recommit.problem`."""


def __getattr__(name: str) -> Any:
    """Loads `problem` when a notebook imports it. Other code imports this package without a problem."""
    if name != "problem":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from recommit.problem import load_problem
    from recommit.project.files import root

    return load_problem(root())
