"""Run a job on parts of a table: here, in processes, or on a Dask cluster; what comes back is in the table's order."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from recommit import Refusal
from recommit.batch.job import Done, Job
from recommit.batch.source import Part

_ANSWERS_WITHIN = "10s"
# One thread a process, as in the pipeline: read when the libraries are loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")


def here(job: Job, parts: Iterable[Part]) -> Generator[Done]:
    """Score part after part in this process."""
    for part in parts:
        yield job.run(part)


def in_processes(job: Job, parts: Iterable[Part], workers: int) -> Generator[Done]:
    """Score parts in so many processes, of one thread each.

    Raises `Refusal` when one of them ends before its time.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    with _environment(_ONE_THREAD):
        pool = ProcessPoolExecutor(workers, context, _begin, (job,))
        try:
            yield from _in_order(lambda part: pool.submit(_run, part), parts, workers + 1)
        except BrokenProcessPool:
            raise Refusal(
                "a process that scored rows ended before its time, as for want of memory: nothing was written; "
                "run it again with fewer --workers",
                1,
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def on_dask(job: Job, parts: Iterable[Part], scheduler: str | None, workers: int) -> Generator[Done]:
    """Score parts on a Dask cluster: the one at `scheduler`, or one of so many processes of this machine.

    Workers read the same files under the same paths, and run this project's code. Raises `Refusal` when Dask is not
    installed, the scheduler cannot be reached, or it has no worker.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise Refusal("Dask is not installed: install the project with its extra, recommit[dask]") from None
    with _environment(_ONE_THREAD):
        if scheduler is None:
            cluster: Any = LocalCluster(
                n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0
            )
        else:
            cluster = None
        try:
            client = Client(cluster or scheduler, timeout=_ANSWERS_WITHIN, set_as_default=False)
        except OSError as error:
            raise Refusal(f"no Dask scheduler answers at {scheduler}: {str(error).splitlines()[0]}") from None
        try:
            threads = sum(client.nthreads().values())
            if not threads:
                raise Refusal(f"the Dask scheduler at {scheduler} has no worker: start some, from the project's folder")
            (shared,) = client.scatter([job], broadcast=True, hash=False)
            yield from _in_order(lambda part: client.submit(_run_given, shared, part, pure=False), parts, threads + 1)
        finally:
            client.close()
            if cluster is not None:
                cluster.close()


def _in_order(submit: Callable[[Part], Any], parts: Iterable[Part], most: int) -> Iterator[Done]:
    """What becomes of each part, in order; no more than `most` parts are begun and not yet taken."""
    begun: deque[Future] = deque()
    for part in parts:
        begun.append(submit(part))
        if len(begun) >= most:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


_job: Job | None = None


def _begin(job: Job) -> None:
    """Make a process ready; it ends when the one that started it does."""
    global _job
    _job = job
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _run(part: Part) -> Done:
    assert _job is not None
    return _job.run(part)


def _run_given(job: Job, part: Part) -> Done:
    return job.run(part)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
