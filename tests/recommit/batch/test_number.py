"""A model of a number scores a table: each row gets the number and the ends of its interval."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.batch.outcome import happened
from recommit.batch.predict import Request, predict
from recommit.batch.same_bits import marks
from recommit.batch.scorer import Scorer, load_scorer
from tests.recommit.batch import world
from tests.recommit.batch.conftest import Scored


@pytest.fixture(scope="module", params=["boosted number", "ridge"])
def scorer(request, tmp_path_factory) -> Scorer:
    return load_scorer(world.write_model(tmp_path_factory.mktemp("models"), request.param), "v1.0.0")


@pytest.fixture
def score(score: Scored) -> Scored:
    """Scores a table with a model of a number."""
    return partial(score, problem=world.DELAY)


def test_each_row_has_its_key_its_number_its_interval_and_the_model(scorer, score):
    rows = world.features(300)
    output, done = score(scorer, rows)
    found = pd.read_parquet(output)
    assert (done.predicted, done.rejected) == (300, 0)
    assert list(found) == [
        "parcel", "leaves", "predicted_at", "prediction", "low", "high", "model", "version", "model_sha256"
    ]  # fmt: skip
    np.testing.assert_allclose(found["prediction"] - found["low"], 7.5)
    np.testing.assert_allclose(found["high"] - found["prediction"], 7.5)
    usual = rows.notna().all(axis=1)
    assert np.corrcoef(found["prediction"][usual], world.truth(rows, "delay")[usual])[0, 1] > 0.9


def test_the_numbers_are_written_to_csv_with_all_their_digits(scorer, score):
    from_csv = pd.read_csv(score(scorer, world.plan(50), "csv", output="out.csv")[0])
    found = pd.read_parquet(score(scorer, world.plan(50))[0])
    np.testing.assert_array_equal(from_csv[["prediction", "low", "high"]], found[["prediction", "low", "high"]])


def test_a_row_that_gets_no_number_is_rejected_with_the_reason(score, tmp_path):
    scorer = load_scorer(world.write_model(tmp_path / "ridge", "ridge"))
    rows = world.features(40)
    rows.loc[7, ["weight", "recent"]] = np.nan
    rows.loc[7, ["road", "size"]] = ["north", "small"]
    output, done = score(scorer, rows)
    rejects = pd.read_csv(done.rejects)
    assert 8 in set(rejects["row"])
    assert set(rejects["reasons"]) == {"the model gives no prediction: what it needs is missing"}
    assert np.isfinite(pd.read_parquet(output)[["prediction", "low", "high"]]).all(axis=None)


def test_a_model_of_another_kind_of_answer_is_refused(boosting, scorer, score, history, tmp_path):
    with pytest.raises(Refusal, match=r"which predicts late \(binary\); this project's is parcels.*delay \(number\)"):
        score(boosting, world.features(9))
    world.features(9).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(Refusal, match=r"which predicts delay \(number\); this project's is parcels.*late \(binary\)"):
        predict(world.PROBLEM, scorer, Request(tmp_path / "rows.parquet", tmp_path / "out.parquet", history))


def test_the_mark_of_a_worker_tells_of_its_numbers(scorer, monkeypatch, history, tmp_path):
    from recommit.batch.job import plan
    from recommit.batch.source import open_source

    world.features(9).to_parquet(tmp_path / "rows.parquet")
    job = plan(world.DELAY, scorer, open_source(tmp_path / "rows.parquet"), history)
    before = marks(job)
    honest = Scorer.answer
    monkeypatch.setattr(Scorer, "answer", lambda *given: np.nextafter(honest(*given), np.inf))
    assert {name for name, mark in marks(job).items() if before[name] != mark} == {
        "the model's answer to its golden rows"
    }


def test_what_came_is_joined_as_a_number_and_intervals_say_whether_they_held_it(scorer, score):
    rows = world.features(300)
    predictions = pd.read_parquet(score(scorer, rows)[0])
    truth = pd.Series(world.truth(rows, "delay")).where(rows.index != 5)
    facts = pd.DataFrame({"parcel": rows["parcel"], "delay": truth})
    task = world.DELAY.task
    found = happened(predictions, facts, "parcel", "delay", task.dtype)
    assert (len(found), found["delay"].dtype) == (len(predictions) - 1, "float64")
    held = task.held(found["delay"], found)
    expected = scorer.task.sets.covered(found["delay"], found["prediction"])
    np.testing.assert_array_equal(held, expected)
    assert 0.5 < held.mean() < 1
    np.testing.assert_allclose(task.sizes(found), 15.0)
