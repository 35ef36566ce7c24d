"""Run a notebook as a stage: the contract, the execution, the canonical form."""

from typing import TYPE_CHECKING, Any

from recommit.notebook.paths import path
from recommit.project.params import params

if TYPE_CHECKING:
    from recommit.problem import Problem

__all__ = ["params", "path", "problem"]

problem: "Problem"
"""What the project around the current folder says of its data: see `recommit.problem`."""


def __getattr__(name: str) -> Any:
    """Load the problem when a notebook asks for it: other users of this package need none."""
    if name != "problem":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from recommit.problem import load_problem
    from recommit.project.files import root

    return load_problem(root())
