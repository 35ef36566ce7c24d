"""Workers are started for much work alone."""

import os

from recommit.learning.parallel import WORTH_WORKERS, workers


def test_few_rows_start_no_workers_and_many_use_every_cpu() -> None:
    assert workers(WORTH_WORKERS - 1) == 1
    assert workers(WORTH_WORKERS) == workers() == len(os.sched_getaffinity(0))
