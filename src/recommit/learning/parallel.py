"""How many processes a stage may use: one per visible CPU, each with one thread."""

import os

WORTH_WORKERS = 100_000
"""Rows, of all fits together: fewer are fitted to before workers have started, which import scikit-learn first."""


def workers(rows: int = WORTH_WORKERS) -> int:
    """Returns the number of CPUs that this process may run on, or 1 where `rows`, of all fits, are few."""
    return len(os.sched_getaffinity(0)) if rows >= WORTH_WORKERS else 1
