"""Run a notebook as a stage: the contract, the execution, the canonical form."""

from recommit.notebook.paths import path
from recommit.project.params import params

__all__ = ["params", "path"]
