"""`recommit predict --features-only`: the values that the model would be given, by the code that training used."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from recommit import Refusal
from recommit.batch.scorer import Scorer
from recommit.verbs.predict import command
from tests.recommit.batch import world
from tests.recommit.batch.conftest import Scored
from tests.recommit.batch.test_command import project, run

__all__ = ["project"]


@pytest.mark.parametrize("output", ["out.parquet", "out.csv"])
def test_each_row_gets_its_features_as_they_were_known(score: Scored, boosting: Scorer, output: str) -> None:
    to, summary = score(boosting, world.plan(50), features_only=True, output=output)
    found = pd.read_parquet(to) if output.endswith("parquet") else pd.read_csv(to)
    expected = world.features(50)
    assert (summary.predicted, list(found)) == (50, ["parcel", "leaves", "predicted_at", *world.INPUTS])
    for name in world.INPUTS:
        exact = found[name].astype(expected[name].dtype)
        pd.testing.assert_series_equal(exact, expected[name], check_dtype=False, check_exact=True)


def test_the_features_alone_get_the_predictions_of_the_plan(score: Scored, boosting: Scorer) -> None:
    predicted = pd.read_parquet(score(boosting, world.plan(50))[0])
    features = pd.read_parquet(score(boosting, world.plan(50), features_only=True, output="features.parquet")[0])
    again = pd.read_parquet(score(boosting, features, features=True, output="again.parquet")[0])
    assert np.array_equal(predicted["probability"], again["probability"])


def test_a_row_that_cannot_have_features_is_rejected_with_its_reason(score: Scored, boosting: Scorer) -> None:
    rows = world.plan(6).assign(road=["north", "moon", "south", "coast", "north", "south"])
    to, summary = score(boosting, rows, features_only=True)
    assert (summary.predicted, summary.rejected) == (5, 1)
    assert 1001 not in set(pd.read_parquet(to)["parcel"])


def test_no_rows_give_a_table_with_the_same_columns(score: Scored, boosting: Scorer) -> None:
    to, _ = score(boosting, world.plan(0), features_only=True, may_be_empty=True)
    assert list(pd.read_parquet(to)) == ["parcel", "leaves", "predicted_at", *world.INPUTS]


def test_a_table_that_is_no_plan_is_refused(score: Scored, boosting: Scorer) -> None:
    with pytest.raises(Refusal, match="is no plan, whose features are computed: it lacks grams"):
        score(boosting, world.features(5), features_only=True)


def test_the_command_says_what_it_wrote(project) -> None:
    result = run("--features-only")
    assert result.stdout == "40 rows with their features in out.parquet\n"
    assert "as known 2 hours before; no model is asked" in result.stderr
    assert "--features-only" in CliRunner().invoke(command, ["--help"]).output
