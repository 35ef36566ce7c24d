"""Runs a job on parts of a table, here, in processes or on a Dask cluster; results come in the table's order."""

import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from recommit import Refusal
from recommit.batch.job import Done, Job
from recommit.batch.same_bits import START_ANEW, MarkedJob, do_nothing, run_if_same
from recommit.batch.source import Part

_ANSWERS_WITHIN = "10s"
_ROWS_ARE_SENT = {
    "distributed.admin.large-graph-warning-threshold": "1GB"
}  # the rows of a CSV file are: no warning of that
# One thread for each process, as in the pipeline. The libraries read this when they are loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")


def here(job: Job, parts: Iterable[Part]) -> Generator[Done]:
    """Scores part after part in this process."""
    for part in parts:
        yield job.run(part)


def in_processes(job: Job, parts: Iterable[Part], workers: int) -> Generator[Done]:
    """Scores parts in so many `workers`: processes of one thread each.

    Raises `Refusal` when one of them ends before its time, or this machine cannot start any.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    with _environment(_ONE_THREAD):
        with _locks("use --workers 1"):
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


@contextmanager
def _locks(advice: str) -> Iterator[None]:
    """Raises `Refusal` with `advice` where processes cannot share locks, as where /dev/shm is full."""
    try:
        yield
    except (OSError, ImportError, NotImplementedError, RuntimeError) as error:
        cause: BaseException = error
        while not isinstance(cause, OSError) and (cause.__cause__ or cause.__context__):
            cause = (
                cause.__cause__ or cause.__context__ or cause
            )  # Dask's own error says only that something did not start
        reason = (isinstance(cause, OSError) and cause.strerror) or _line(cause)
        raise Refusal(
            f"no processes can be started, as where /dev/shm is full or read-only: {reason}; {advice}"
        ) from None


def on_dask(job: Job, parts: Iterable[Part], scheduler: str | None, workers: int) -> Generator[Done]:
    """Scores parts on the Dask cluster at `scheduler`, or on one of so many `workers` of this machine.

    Workers read the same files under the same paths, and run this project's code: see `recommit.batch.same_bits`. Dask
    sends code both ways, so whoever answers at `scheduler` is trusted to run commands here.

    Raises `Refusal` when Dask is not installed, when no scheduler answers or it ends, when it has no worker, when a
    worker differs from this process, or when workers end before their time.
    """
    try:
        import dask
        from distributed import Client, KilledWorker, LocalCluster
        from distributed.comm import CommClosedError
    except ImportError:
        raise Refusal("Dask is not installed: `make .venv/dev.stamp` adds it, as does the extra dask") from None
    where = f"the Dask scheduler at {scheduler}" if scheduler else "the Dask cluster of this machine"
    lost = (KilledWorker, CommClosedError, CancelledError, TimeoutError)
    if scheduler is not None:
        _refuse_address(scheduler)
    with _environment(_ONE_THREAD), dask.config.set(_ROWS_ARE_SENT), ExitStack() as stack:
        if scheduler is None:
            with _locks("use --engine local --workers 1"):
                cluster: Any = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,  # errors that matter are raised below
                )
            stack.enter_context(cluster)
        try:
            client = Client(scheduler or cluster, timeout=_ANSWERS_WITHIN, set_as_default=False)
        except OSError as error:
            raise Refusal(f"no Dask scheduler answers at {scheduler or 'this machine'}: {_line(error)}") from None
        stack.enter_context(client)
        try:
            threads = sum(client.nthreads().values())
            if not threads:
                raise Refusal(f"{where} has no worker: start some, from the project's folder")
            given = _shared(client, MarkedJob.of(job), where, lost)
            yield from _in_order(lambda part: client.submit(run_if_same, given, part, pure=False), parts, threads + 1)
        except lost:
            raise Refusal(
                f"workers of {where}, or itself, ended before their time, as for want of memory: nothing was written; "
                "run it again with fewer workers, or more memory for each",
                1,
            ) from None


def _shared(client: Any, given: MarkedJob, where: str, lost: tuple[type[Exception], ...]) -> Any:
    """Returns `given` as each worker has it. Raises `Refusal` when the scheduler or a worker cannot read it."""
    try:
        (shared,) = client.scatter([given], broadcast=True, hash=False)
        client.submit(do_nothing, shared, pure=False).result()
    except lost:
        raise
    except Exception as error:  # Dask raises all kinds, and no code of ours has run
        reason = _line(error.__cause__ or error)
        raise Refusal(f"{where}, or a worker of it, cannot run this project: {reason}; {START_ANEW}", 1) from None
    return shared


def _refuse_address(address: str) -> None:
    """Raises `Refusal` for an `address` that no scheduler can have: a client would take long to fail."""
    from distributed.comm import get_address_host_port, parse_address
    from distributed.security import Security

    try:
        get_address_host_port(address)
        secured = Security().get_connection_args("client").get("ssl_context") is not None
        if parse_address(address)[0] in ("tls", "wss") and not secured:
            raise ValueError("it wants certificates, and Dask's configuration names none: see distributed.comm.tls")
    except ValueError as error:
        raise Refusal(f"{address} is no Dask scheduler's address, like tcp://HOST:8786: {_line(error)}") from None


def _in_order(submit: Callable[[Part], Any], parts: Iterable[Part], most: int) -> Iterator[Done]:
    """Yields the result of each part, in order; at most `most` parts are begun and not yet taken."""
    begun: deque[Future] = deque()
    for part in parts:
        begun.append(submit(part))
        if len(begun) >= most:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


_job: Job | None = None


def _begin(job: Job) -> None:
    """Prepares a worker process: it knows `job`, and ends when the process that started it does."""
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


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ[name] for name in values if name in os.environ}
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]
        os.environ.update(before)
