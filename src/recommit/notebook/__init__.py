"""Run a notebook as a stage: the contract, the execution, the canonical form."""

from recommit.notebook.parameters import params

__all__ = ["params"]
