"""Scores a table from file to file."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recommit import Refusal
from recommit.batch import engine
from recommit.batch.job import Done, Job, plan
from recommit.batch.scorer import Scorer
from recommit.batch.sink import Sink
from recommit.batch.source import Source, open_source
from recommit.learning.parallel import workers as cpus
from recommit.problem import Problem

_SAY_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Request:
    """What is to be scored, where to, and how; the features of a plan are computed from the tables in `history`.

    Without `workers`, there are as many processes as CPUs; fewer when there are fewer parts. `strict` writes nothing
    when any row cannot be scored. Where the input `may_be_empty`, no rows give a table of no predictions. `features`:
    it holds the model's inputs, even if it has the columns of rows too. `features_only` writes the features of rows in
    place of predictions.
    """

    input: Path
    output: Path
    history: Path | None = None
    strict: bool = False
    may_be_empty: bool = False
    features: bool = False
    features_only: bool = False
    engine: Literal["local", "dask"] = "local"
    workers: int | None = None
    scheduler: str | None = None


@dataclass(frozen=True)
class Summary:
    """How many rows were predicted and rejected, and the file that tells of those (None when there are none).

    `outside` says of columns in how many predicted rows the value is outside of what is declared as a draft.
    """

    predicted: int
    rejected: int
    rejects: Path | None
    outside: Mapping[str, int]


def predict(problem: Problem, scorer: Scorer, request: Request, say: Callable[[str], None] = lambda _: None) -> Summary:
    """Scores every row of a table, in order, with a model; calls `say` with a line of progress.

    Writes the output, and beside it OUTPUT.rejects.csv (row, key, reasons) when rows cannot be scored. Memory does not
    grow with the table. The output has the same bytes whatever the engine and the number of workers.

    Raises `Refusal`: with status 2 when nothing was begun, with 1 after that; an earlier output stays as it is.
    """
    to = Sink(request.output)
    source = open_source(request.input, problem.form)
    if request.output.exists() and request.output.samefile(request.input):
        raise Refusal(f"{request.output} is both input and output: name another output")
    if to.rejects.exists() and to.rejects.samefile(request.input):
        raise Refusal(f"{request.input} is where rejected rows go: name another output")
    history = request.history and request.history.absolute()
    job = plan(problem, scorer, source, history, request.features, request.features_only)
    say(_told(job, source))
    outside: Counter[str] = Counter()
    with to as sink, closing(_run(job, source, request)) as parts:
        for done in _counted(parts, source, say):
            sink.write(done.predictions, done.rejects)
            outside.update(done.outside)
            if done.rejects and request.strict:
                first = done.rejects[0]
                raise Refusal(f"row {first.row} of {request.input}: {first.reasons}; nothing was written (--strict)", 1)
        if not sink.rows and not sink.rejected:
            if not request.may_be_empty:
                raise Refusal(f"{request.input} has no rows: nothing was written", 1)
            sink.write(job.of_none(source.schema), ())
        sink.finish()
    return Summary(sink.rows, sink.rejected, sink.rejects if sink.rejected else None, dict(outside))


def _run(job: Job, source: Source, request: Request) -> Generator[Done]:
    parts = source.parts(job.columns)
    workers = min(request.workers or cpus(), source.most_parts)
    if request.engine == "dask":
        return engine.on_dask(job, parts, request.scheduler, request.workers or cpus())
    return engine.in_processes(job, parts, workers) if workers > 1 else engine.here(job, parts)


def _told(job: Job, source: Source) -> str:
    inputs = f"it has the {len(job.scorer.columns)} columns that the model reads"
    origin = job.history if job.problem.history else "its own columns"
    what = inputs if job.rows == "features" else f"it is a plan: features are computed from {origin}"
    what += f"; its rows are numbered, from 1, as {job.numbered}" if job.numbered else ""
    if job.features_only:
        return f"{source.path}{source.note}: {what}, {_ahead(job)}; no model is asked"
    return f"{source.path}{source.note}: {what}; model {job.scorer.name} {job.scorer.version}, from {job.scorer.folder}"


def _ahead(job: Job) -> str:
    return f"as known {job.scorer.horizon_hours:g} hours before" if job.problem.instant else "as they come"


def _counted(parts: Iterator[Done], source: Source, say: Callable[[str], None]) -> Iterator[Done]:
    whole = f" of {source.rows:,}" if source.rows is not None else ""
    rows, begun = 0, time.monotonic()
    said = begun
    for done in parts:
        yield done
        rows += done.predictions.num_rows + len(done.rejects)
        if time.monotonic() - said > _SAY_EVERY_SECONDS:
            said = time.monotonic()
            say(f"{rows:,}{whole} rows, {rows / (said - begun):,.0f} rows/s")
