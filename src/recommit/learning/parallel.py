"""How many processes a stage may use: one per visible CPU, each with one thread."""

import os


def workers() -> int:
    """Return the number of CPUs that this process may run on."""
    return len(os.sched_getaffinity(0))
