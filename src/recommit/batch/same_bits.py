"""Tells whether another process would give the same bits: by its code, its libraries and its answers.

A worker of a cluster may have been started elsewhere, days ago or from another commit. Each of its processes is
compared with this one before the first part that it scores.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Self

import psutil

from recommit import Refusal
from recommit.artifact.files import sha256, sha256_of
from recommit.batch.job import Done, Job
from recommit.batch.source import Part

START_ANEW = "start scheduler and workers anew in this commit's folder, with this environment"
_LIBRARIES = ("numpy", "pandas", "pyarrow", "onnxruntime")


@dataclass(frozen=True, eq=False)
class MarkedJob:
    """A job with the marks of the process that gives it."""

    job: Job
    marks: Mapping[str, str]

    @classmethod
    def of(cls, job: Job) -> Self:
        """Returns `job`, marked by this process."""
        return cls(job, marks(job))


def marks(job: Job) -> dict[str, str]:
    """Returns what decides the bits of a prediction in this process, by name.

    These are hashes of the sources, of the answers to the golden rows and of the history's tables, and versions
    of libraries.
    """
    found = {f"the code of {package}": _code(package) for package in _packages(job)}
    found |= {name: version(name) for name in _LIBRARIES} | {"Python": platform.python_version()}
    found["the model's answer to its golden rows"] = sha256(job.scorer.answer(job.scorer.golden).tobytes())
    if job.rows == "asked" and job.history is not None:
        files = [job.history / f"{table.name}.parquet" for table in job.problem.history]
        found |= {f"the table {file}": sha256_of(file) if file.is_file() else "absent" for file in files}
    return found


def do_nothing(given: MarkedJob) -> None:
    """Does nothing in a worker, which shows that the worker could read the job `given`."""


def run_if_same(given: MarkedJob, part: Part) -> Done:
    """Scores a part in a Dask worker. Raises `Refusal` with the worker's address when its marks are not those given."""
    from distributed import get_worker

    differs = _differences(given)
    if differs:
        worker = get_worker().address
        raise Refusal(f"the worker {worker} differs in {differs}: nothing was written; {START_ANEW}", 1)
    return given.job.run(part)


@lru_cache(maxsize=4)
def _differences(given: MarkedJob) -> str:
    """Returns in words what differs here. It is found once in a process."""
    here = marks(given.job)
    found = [name for name, mark in given.marks.items() if here.get(name) != mark]
    begun = psutil.Process().create_time()
    changed = (name for name in _packages(given.job) if any(one.stat().st_mtime > begun for one in _sources(name)))
    return ", ".join([*found, *(f"what it may have read of {name} before that was changed" for name in changed)])


def _packages(job: Job) -> tuple[str, str]:
    return "recommit", job.problem.build.__module__.partition(".")[0]


def _code(package: str) -> str:
    """Returns the hash of a package's Python files, each with its place in the package."""
    lines = [f"{source.relative_to(_folder(package)).as_posix()} {sha256_of(source)}\n" for source in _sources(package)]
    return sha256("".join(lines).encode())


def _sources(package: str) -> list[Path]:
    return sorted(_folder(package).rglob("*.py"))


def _folder(package: str) -> Path:
    file = import_module(package).__file__
    assert file is not None, package
    return Path(file).parent
