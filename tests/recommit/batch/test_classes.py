"""A model of several classes scores a table: each row gets the likeliest class, all probabilities and the set."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.artifact.sets import from_words
from recommit.batch.outcome import happened
from recommit.batch.scorer import Scorer, load_scorer
from recommit.columns import ALWAYS, Column
from tests.recommit.batch import world
from tests.recommit.batch.conftest import Scored

CHANCES = ["probability_whole", "probability_late", "probability_broken"]


@pytest.fixture(scope="module", params=["boosted classes", "multinomial"])
def scorer(request, tmp_path_factory) -> Scorer:
    return load_scorer(world.write_model(tmp_path_factory.mktemp("models"), request.param), "v1.0.0")


@pytest.fixture
def score(score: Scored) -> Scored:
    """Scores a table with a model of classes."""
    return partial(score, problem=world.CAME)


def test_each_row_has_its_likeliest_class_all_probabilities_its_set_and_the_model(scorer, score):
    rows = world.features(300)
    output, done = score(scorer, rows)
    found = pd.read_parquet(output)
    assert (done.predicted, done.rejected) == (300, 0)
    assert list(found) == [
        "parcel", "leaves", "predicted_at", "prediction", *CHANCES, "set", "model", "version", "model_sha256"
    ]  # fmt: skip
    assert (found["prediction"] == np.array(world.HOW)[found[CHANCES].to_numpy().argmax(axis=1)]).all()
    np.testing.assert_allclose(found[CHANCES].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(from_words(found["set"], world.HOW), found[CHANCES] >= 0.35)
    assert (found["prediction"] == world.truth(rows, "came")).mean() > 0.6
    assert {"whole", "whole or late"} <= set(found["set"])


def test_classes_are_written_to_csv_with_all_digits(scorer, score):
    from_csv = pd.read_csv(score(scorer, world.plan(50), "csv", output="out.csv")[0])
    found = pd.read_parquet(score(scorer, world.plan(50))[0])
    np.testing.assert_array_equal(from_csv[CHANCES], found[CHANCES])
    assert from_csv[["prediction", "set"]].to_numpy().tolist() == found[["prediction", "set"]].to_numpy().tolist()


def test_a_table_without_rows_gives_the_columns_alone(scorer, score):
    output, done = score(scorer, world.features(9).head(0), may_be_empty=True)
    assert done.predicted == 0
    assert list(pd.read_parquet(output))[3:8] == ["prediction", *CHANCES, "set"]


def test_a_row_without_an_answer_is_rejected_with_the_reason(score, tmp_path):
    scorer = load_scorer(world.write_model(tmp_path / "model", "multinomial"))
    rows = world.features(40)
    rows.loc[7, ["weight", "recent"]] = np.nan
    rows.loc[7, ["road", "size"]] = ["north", "small"]
    _, done = score(scorer, rows)
    rejects = pd.read_csv(done.rejects)
    assert 8 in set(rejects["row"])
    assert set(rejects["reasons"]) == {"the model gives no prediction: what it needs is missing"}


def test_a_model_of_another_kind_of_answer_is_refused(scorer, score):
    with pytest.raises(Refusal, match=r"which predicts came \(classes\); this project's is parcels.*late \(binary\)"):
        score(scorer, world.features(9), problem=world.PROBLEM)


def test_a_column_that_predictions_have_too_is_refused(scorer, score):
    name = "probability_late"
    rows = replace(world.PARCELS, columns=(*world.PARCELS.columns, Column(name, "text", ALWAYS, given=True)))
    problem = replace(world.CAME, rows=rows, tables=(rows, world.DELAYS), beside=(name,), features=world.CAME.features)
    with pytest.raises(Refusal, match=f"has a column {name}, as predictions have one: call it otherwise"):
        score(scorer, world.features(9).assign(**{name: "said by others"}), problem=problem)


def test_what_came_is_joined_as_text_and_sets_say_whether_they_held_it(scorer, score):
    rows = world.features(300)
    predictions = pd.read_parquet(score(scorer, rows)[0])
    truth = pd.Series(world.truth(rows, "came"), dtype="str").where(rows.index != 5)
    task = world.CAME.task
    found = happened(predictions, pd.DataFrame({"parcel": rows["parcel"], "came": truth}), "parcel", "came", task.dtype)
    assert len(found) == len(predictions) - 1
    answer = task.written(found)
    held = task.held(found["came"], found)
    np.testing.assert_array_equal(held, scorer.task.sets.covered(found["came"], answer))
    np.testing.assert_array_equal(task.sizes(found), scorer.task.sets.sizes(answer))
    assert 0.5 < held.mean() < 1
