"""Run a notebook as a stage: the contract, the execution, the canonical form."""

from recommit.notebook.parameters import params
from recommit.notebook.paths import path

__all__ = ["params", "path"]
