"""On a Dask cluster rows get the same bits, and what goes wrong there is told in a line."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

import recommit
from recommit import Refusal
from recommit.batch import engine, same_bits, sink
from recommit.batch.job import plan
from recommit.batch.scorer import Scorer
from recommit.batch.source import open_source
from recommit.columns import Rule
from tests.recommit.batch import world
from tests.recommit.batch.test_rows import left

pytestmark = pytest.mark.system


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler and one worker, which were started before the test."""
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as started:
        yield started


def refused(score, scorer, tmp_path, rows=None, **options):
    with pytest.raises(Refusal) as caught:
        score(scorer, world.features(900) if rows is None else rows, group=100, engine="dask", **options)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []
    return str(caught.value), caught.value.status


def test_dask_gives_the_same_bytes_on_its_own_and_on_a_given_scheduler(boosting, score):
    rows = world.features(2000)
    rows.loc[999, "weight"] = -1
    one, _ = score(boosting, rows, group=300, output="one.parquet")
    own, done = score(boosting, rows, group=300, output="own.parquet", engine="dask", workers=2)
    assert done.rejected == 1
    assert own.read_bytes() == one.read_bytes()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        address = {"engine": "dask", "scheduler": cluster.scheduler_address}
        given, _ = score(boosting, world.plan(2000), group=300, output="given.parquet", **address)
        with pytest.raises(Refusal, match="grams is bool, not a whole number"):
            score(boosting, world.plan(9).assign(grams=True), **address)
    plain, _ = score(boosting, world.plan(2000), group=300, output="plain.parquet")
    assert given.read_bytes() == plain.read_bytes()


def other_answers() -> None:
    honest = Scorer.answer
    Scorer.answer = lambda *given: np.nextafter(honest(*given), 1)  # type: ignore[method-assign]


def other_libraries() -> None:
    same_bits.version = lambda name: "0.1"


def other_code(folder: str) -> None:
    recommit.__file__ = f"{folder}/recommit/__init__.py"


PLANTS = [
    (other_answers, "the model's answer to its golden rows"),
    (other_libraries, "numpy, pandas, pyarrow, onnxruntime"),
    (other_code, "the code of recommit"),
    (other_code, "what it may have read of recommit before that was changed"),
]
RARER = [pytest.param(*plant, marks=pytest.mark.all) for plant in PLANTS[1:]]


@pytest.mark.parametrize(
    ("plant", "told"), [PLANTS[0], *(pytest.param(*one, marks=pytest.mark.all) for one in PLANTS[1:])]
)
def test_a_worker_that_would_give_other_bits_is_refused_by_name(boosting, score, tmp_path, cluster, plant, told):
    folder = tmp_path / "history-of-code" / "recommit"
    shutil.copytree(Path(recommit.__file__).parent, folder)
    if told == "the code of recommit":
        (folder / "batch" / "typed.py").write_text("raise SystemExit\n")
    past = 0 if told != PLANTS[-1][1] else 2**33
    for file in folder.rglob("*.py"):
        os.utime(file, (past, past))
    with Client(cluster, set_as_default=False) as client:
        (worker,) = client.run(plant, *[str(folder.parent)] * (plant is other_code))
    found = refused(score, boosting, tmp_path, scheduler=cluster.scheduler_address)
    assert found == (f"the worker {worker} differs in {told}: nothing was written; {same_bits.START_ANEW}", 1)


def no_code() -> None:
    sys.modules["recommit.batch.same_bits"] = None  # type: ignore[assignment]


def test_a_worker_without_this_code_is_told_of(boosting, score, tmp_path, cluster):
    with Client(cluster, set_as_default=False) as client:
        client.run(no_code)
    told, status = refused(score, boosting, tmp_path, scheduler=cluster.scheduler_address)
    assert "or a worker of it, cannot run this project: " in told
    assert "recommit.batch.same_bits" in told
    assert status == 1


def test_a_history_that_differs_is_a_difference(boosting, score, tmp_path, history):
    score(boosting, world.plan(9))
    job = plan(world.PROBLEM, boosting, open_source(tmp_path / "rows.parquet"), history)
    before = same_bits.marks(job)
    world.history()["delays"].assign(minutes=1.0).to_parquet(history / "delays.parquet", index=False)
    after = same_bits.marks(job)
    assert [name for name in before if before[name] != after[name]] == [f"the table {history / 'delays.parquet'}"]


def end_process(*given: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.all)])
def test_workers_that_are_killed_end_it_in_a_line(boosting, score, tmp_path, monkeypatch, workers):
    ending = replace(world.FEATURES, rules=(Rule("", ("weight",), end_process),))
    monkeypatch.setattr(world, "PROBLEM", replace(world.PROBLEM, features=ending))
    told, status = refused(score, boosting, tmp_path, workers=workers)
    assert told.startswith("workers of the Dask cluster of this machine, or itself, ended before their time")
    assert status == 1


@pytest.mark.all
def test_a_scheduler_that_ends_on_the_way_is_told_of(boosting, score, tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(engine, "_ANSWERS_WITHIN", "1s")
    write = sink.Sink.write

    def end_it(self, predictions, rejects):
        cluster.close()
        write(self, predictions, rejects)

    monkeypatch.setattr(sink.Sink, "write", end_it)
    told, status = refused(score, boosting, tmp_path, scheduler=cluster.scheduler_address)
    assert told.startswith(f"workers of the Dask scheduler at {cluster.scheduler_address}, or itself, ended")
    assert status == 1


def test_a_scheduler_without_workers_is_told_of(boosting, score, tmp_path):
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as empty:
        told, _ = refused(score, boosting, tmp_path, scheduler=empty.scheduler_address)
    assert "has no worker: start some" in told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1"),
        ("nonsense://1.2.3.4:5", "unknown address scheme 'nonsense'"),
        ("127.0.0.1", "missing port number"),
        ("127.0.0.1:port", "invalid literal for int"),
        ("inproc://1", "like tcp://HOST:8786"),
        ("tls://127.0.0.1:1", "it wants certificates"),
    ],
)
def test_an_address_at_which_no_scheduler_can_be_is_refused(boosting, score, monkeypatch, tmp_path, address, told):
    monkeypatch.setattr(engine, "_ANSWERS_WITHIN", "300ms")
    found, status = refused(score, boosting, tmp_path, scheduler=address)
    assert told in found
    assert address in found
    assert status == 2
