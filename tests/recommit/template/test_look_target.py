"""The kind of answer is guessed with its reason; columns that give the target away are found."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from recommit import Refusal
from recommit.rawtable.form import PLAIN
from recommit.template.look_columns import guess
from recommit.template.look_target import give_aways, task_of, truth_of

RNG = np.random.default_rng(3)
ROWS = 2000
NOISE = RNG.normal(size=ROWS)
OTHER = RNG.normal(size=ROWS)
THIRD, FOURTH = RNG.normal(size=ROWS), RNG.normal(size=ROWS)
ANY = RNG.random(ROWS)


def column(values) -> pd.Series:
    return pd.Series(np.asarray(values, "float64"))


def target(values):
    return guess("y", pa.chunked_array([pa.array([None if v is None else str(v) for v in values], pa.string())]), PLAIN)


def task(values, said=None, positive=None):
    return task_of(target(values), said, positive)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["yes", "no", "no"], "binary"),
        (["stayed", "gone", "gone"], "binary"),
        ([0, 1, 1], "binary"),
        ([1.5, 2.5, 3.5], "number"),
        (range(100), "number"),
        (["a", "b", "c"], "classes"),
    ],
)
def test_the_kind_of_answer_follows_from_the_values(values, kind):
    assert task(values).kind == kind


def test_few_whole_numbers_may_be_classes_and_that_is_asked():
    assert "--task classes" in task([1, 2, 3] * 20).doubt
    assert not task([1, 2, 3] * 20, said="classes").doubt


@pytest.mark.parametrize(
    ("values", "outcomes"),
    [
        (["no", "yes", "yes"], ("no", "yes")),
        (["True", "False", "True"], ("False", "True")),
        ([0, 1, 1], ("0", "1")),
        (["0.0", "1.0"], ("0", "1")),
        (["Y", "N", "N"], ("N", "Y")),
    ],
)
def test_plain_words_say_which_outcome_is_predicted(values, outcomes):
    found = task(values)
    assert (found.outcomes, found.sure) == (outcomes, True)
    assert f"'{outcomes[1]}' is predicted" in found.because


def test_other_words_are_a_guess_that_is_told_and_not_sure():
    found = task(["stayed", "stayed", "gone"])
    assert (found.outcomes, found.sure) == (("stayed", "gone"), False)
    assert "it is the rarer" in found.because
    assert task(["stayed", "stayed", "gone"], positive="stayed").outcomes == ("gone", "stayed")


@pytest.mark.parametrize(
    ("values", "said", "positive", "refused"),
    [
        (["a", "a"], None, None, "is 'a' in every row: there is nothing to learn"),
        ([None, None], None, None, "is missing in every row"),
        (["a", "b", "c"], "binary", None, "has 3 different values, not two"),
        (["a", "b", "c"], "number", None, "is no number"),
        (["a", "b"], "classes", None, "has 2 different values, not 3 to"),
        ([f"name {n}" for n in range(100)], None, None, "wanted is a number, two outcomes, or 30 classes"),
        (["2013-01-01", "2013-01-02", "2013-01-03"], None, None, "wanted is a number"),
        (["a", "b"], None, "c", "is 'a' or 'b'"),
        ([1.5, 2, 3], None, "2", "has no positive outcome"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused(values, said, positive, refused):
    with pytest.raises(Refusal, match=refused):
        task(values, said, positive)


def test_truth_is_true_for_the_outcome_that_is_predicted():
    values = target(["1", "0", "1"])
    assert truth_of(values, task_of(values, None, "0")).tolist() == [False, True, False]


def told(columns: dict[str, pd.Series], truth: np.ndarray, kind: str) -> dict[str, str]:
    return give_aways({"noise": column(NOISE), **columns}, truth, kind, "y")


def test_honest_columns_are_left_alone():
    strong = NOISE + OTHER
    assert told({"strong": column(strong)}, NOISE + OTHER + THIRD, "number") == {}
    assert told({"strong": column(strong)}, strong + THIRD > 0, "binary") == {}


def test_a_number_that_orders_the_outcomes_is_found():
    found = told({"delay": column(OTHER)}, OTHER > 0.5, "binary")
    assert set(found) == {"delay"}
    assert "alone it tells y: AUC 0.99" in found["delay"]


def test_a_number_that_tells_by_its_middle_is_found():
    assert set(told({"delay": column(OTHER)}, np.abs(OTHER) < 0.7, "binary")) == {"delay"}


def test_a_text_that_tells_the_outcome_is_found():
    truth = OTHER > 0
    found = told({"state": pd.Series(np.where(truth, "closed", "open"))}, truth, "binary")
    assert found == {"state": "it is y, written again"}


def test_a_text_of_many_values_is_not_found_by_heart():
    words = pd.Series([f"w{n}" for n in (900 * ANY).astype(int)])
    assert told({"words": words}, OTHER > 0, "binary") == {}


def test_a_column_that_is_there_only_after_one_outcome_is_found():
    truth = OTHER > 1
    assert set(told({"refund": column(np.where(truth, NOISE, np.nan))}, truth, "binary")) >= {"refund"}


def test_a_copy_of_a_number_is_found():
    assert told({"same": column(OTHER)}, OTHER, "number") == {"same": "it is y, written again"}


def test_a_number_that_grows_with_the_target_is_found():
    found = told({"rank": column(np.exp(OTHER))}, OTHER, "number")
    assert "rank correlation 1.000" in found["rank"]


@pytest.mark.parametrize(
    ("truth", "sign"),
    [
        (NOISE + OTHER, "+"),
        (NOISE - OTHER, "-"),
        (OTHER - NOISE, "-"),
        (NOISE * OTHER, "*"),
        (2 * NOISE + OTHER, "with"),
    ],
)
def test_two_columns_that_give_the_target_together_are_found(truth, sign):
    found = told({"other": column(OTHER), "third": column(THIRD)}, truth, "number")
    assert set(found) == {"noise", "other"}
    assert f" {sign} " in found["noise"]


def test_a_part_of_the_sum_that_tells_little_alone_is_found_too():
    """As casual and registered rentals: one is nearly the sum, the other is what is left."""
    large = column(100 * OTHER)
    found = told({"large": large}, 100 * OTHER + NOISE, "number")
    assert set(found) == {"large", "noise"}


def test_a_difference_that_decides_the_outcome_is_found():
    found = told({"due": column(OTHER), "third": column(THIRD)}, NOISE - OTHER > 0.3, "binary")
    assert set(found) == {"noise", "due"}


def test_a_sum_of_three_is_found_and_names_no_fourth():
    columns = {"other": column(OTHER), "third": column(THIRD), "fourth": column(FOURTH)}
    assert set(told(columns, NOISE + OTHER + THIRD, "number")) == {"noise", "other", "third"}


def test_classes_are_told_only_where_each_is():
    truth = np.digitize(OTHER, [-0.5, 0.5])
    assert set(told({"size": column(OTHER)}, truth, "classes")) == {"size"}
    assert told({"one": column(truth == 0)}, truth, "classes") == {}


def test_a_column_without_values_in_most_rows_is_no_sum():
    few = column(np.where(ANY < 0.5, OTHER, np.nan))
    assert told({"few": few}, NOISE + OTHER, "number") == {}
