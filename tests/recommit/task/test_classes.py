import numpy as np
import pandas as pd
import pytest
from mapie.classification import SplitConformalClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from recommit.artifact.calibration import Temperature
from recommit.artifact.sets import Several, from_words
from recommit.learning.figures import bins, calibrations, told_apart
from recommit.learning.intervals import blocks
from recommit.task import Classes, Task

NAMES = ("low", "mid", "high")
TASK = Classes(NAMES)
EACH: Task = TASK  # mypy: it is a task


def _rows(number: int = 4000, seed: int = 1) -> tuple[pd.Series, np.ndarray]:
    """True classes, and the probabilities by which they were drawn."""
    draws = np.random.default_rng(seed)
    chance = draws.dirichlet((1, 1, 2), number)
    place = (chance.cumsum(axis=1) < draws.random(number)[:, None]).sum(axis=1)
    return pd.Series(np.array(NAMES)[place], dtype="str"), chance


def test_scores_are_those_of_scikit_learn():
    truth, chance = _rows()
    place = np.array([NAMES.index(name) for name in truth])
    found = {name: one.value for name, one in TASK.judge(truth, chance, blocks(np.arange(4000) // 40, 1)).items()}
    assert list(found) == list(TASK.scores)
    assert found["log_loss"] == pytest.approx(log_loss(place, chance))
    assert found["accuracy"] == pytest.approx(accuracy_score(place, chance.argmax(axis=1)))
    assert found["macro_auc"] == pytest.approx(roc_auc_score(place, chance, multi_class="ovr", average="macro"))
    assert found["brier_sum"] == pytest.approx(((chance - np.eye(3)[place]) ** 2).sum(axis=1).mean())
    assert found["calibration_error"] < 0.03


def test_the_gap_is_that_of_the_class_which_is_farthest_off():
    truth, chance = _rows()
    moved = chance * [0.8, 1.0, 1.0]
    moved[:, 2] += 1 - moved.sum(axis=1)
    drawn = blocks(np.arange(4000) // 40, 1)
    assert abs(TASK.gap(truth, chance, drawn).value) < 0.02
    largest = TASK.gap(truth, moved, drawn)
    assert abs(largest.value) == pytest.approx(0.05, abs=0.02)
    assert largest.interval().low > 0 or largest.interval().high < 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoiled_probabilities_is_found_again(temperature):
    truth, chance = _rows(20_000)
    spoiled = Temperature(1 / temperature)(chance)
    found = TASK.calibrate(truth, spoiled)
    assert found.temperature == pytest.approx(temperature, rel=0.06)
    assert TASK.losses(truth, found(spoiled)).mean() <= TASK.losses(truth, spoiled).mean() + 1e-12


def test_probabilities_that_say_nothing_stay_and_turned_ones_are_refused():
    truth, chance = _rows()
    assert TASK.calibrate(truth, np.full((4000, 3), 1 / 3)).temperature == 1.0
    with pytest.raises(ValueError, match="no calibration mends that"):
        TASK.calibrate(truth, (1 - chance) / 2)


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its inputs, as MAPIE wants one."""

    def fit(self, rows, truth):
        self.classes_ = np.array([0, 1, 2])
        self.n_features_in_ = 3
        return self

    def predict_proba(self, rows):
        return rows

    def predict(self, rows):
        return rows.argmax(axis=1)


@pytest.mark.parametrize("level", [0.6, 0.8, 0.9, 0.95])
def test_sets_are_those_of_mapie(level):
    truth, chance = _rows(301)
    place = np.array([NAMES.index(name) for name in truth])
    later = _rows(500, seed=2)[1]
    oracle = SplitConformalClassifier(Given().fit(chance, place), level, conformity_score="lac", prefit=True)
    expected = oracle.conformalize(chance, place).predict_set(later)[1][:, :, 0]
    np.testing.assert_array_equal(TASK.conform(truth, chance, level).sets(later), expected)


def test_sets_hold_the_truth_as_often_as_they_say():
    truth, chance = _rows()
    later, its = _rows(seed=3)
    sets = TASK.conform(truth, chance, 0.9)
    assert sets.covered(later, its).mean() == pytest.approx(0.9, abs=0.02)
    assert 1 <= sets.sizes(its).mean() <= 3


def test_sets_by_class_hold_each_class_as_often_as_they_say():
    truth, chance = _rows()
    later, its = _rows(seed=3)
    covered = TASK.conform(truth, chance, 0.9, by_outcome=True).covered(later, its)
    for name, rows in TASK.groups(later).items():
        assert covered[rows].mean() == pytest.approx(0.9, abs=0.03), name


def test_a_set_in_words_is_read_again():
    sets, chance = Several(0.9, 0.65, NAMES), np.array([[0.4, 0.4, 0.2], [0.9, 0.05, 0.05], [0.34, 0.33, 0.33]])
    assert sets.words(chance) == ["low or mid", "low", "none of them"]
    np.testing.assert_array_equal(from_words(sets.words(chance), NAMES), sets.sets(chance))
    with pytest.raises(ValueError, match="'lost' is none of the classes low, mid, high"):
        from_words(["low or lost"], NAMES)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a", "b"), "three or more are needed"),
        (("a", "b", "a"), "have one name"),
        (("a", "b", "B"), "have one name"),
        (("a", "b", "a or b"), "could mean another"),
        (("a", "b", "none of them"), "could mean another"),
        (("a", "b", "c "), "could mean another"),
        (("a", "b", ""), "could mean another"),
    ],
)
def test_classes_that_could_be_confused_are_refused(names, reason):
    with pytest.raises(ValueError, match=reason):
        Classes(names)


def test_a_class_that_is_none_and_probabilities_that_are_none_are_refused():
    chance = np.full((2, 3), 1 / 3)
    with pytest.raises(ValueError, match="'lost' is none of the classes"):
        TASK.losses(["low", "lost"], chance)
    with pytest.raises(ValueError, match="do not match"):
        TASK.losses(["low"], chance)
    for spoiled in (chance * 2, chance * np.nan, chance - [0.5, 0, -0.5]):
        with pytest.raises(ValueError, match="add up to 1"):
            TASK.losses(["low", "mid"], spoiled)


def test_a_class_that_a_fold_never_saw_has_no_probability():
    rows = pd.DataFrame({"x": [0.0, 1.0, 0.0, 1.0]})
    from sklearn.linear_model import LogisticRegression

    fitted = TASK.fit(LogisticRegression(), rows, ["low", "high", "low", "high"])
    answer = TASK.answer(fitted, rows)
    assert answer.shape == (4, 3)
    assert (answer[:, 1] == 0).all()
    assert TASK.sound(answer).all()


def test_the_order_of_classes_is_the_tasks_and_not_the_alphabets():
    truth, chance = _rows(500)
    from sklearn.linear_model import LogisticRegression

    fitted = TASK.fit(LogisticRegression(), pd.DataFrame(chance, columns=list("abc")), truth)
    answer = TASK.answer(fitted, pd.DataFrame(chance, columns=list("abc")))
    assert (np.array(NAMES)[answer.argmax(axis=1)] == truth).mean() > 0.5


def test_an_explanation_is_of_the_class_that_is_most_likely_in_the_explained_row():
    moved = TASK.moved([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], [[0.1, 0.2, 0.7]])
    np.testing.assert_allclose(moved, np.log([0.25 / 0.75, 0.6 / 0.4]))


def test_a_share_is_of_the_most_frequent_class_and_a_place_of_each():
    truth = pd.Series(["mid", "low", "mid", None], dtype="str")
    assert TASK.counted(truth[:3]).mean() == pytest.approx(2 / 3)
    assert TASK.tracked(truth).tolist() == [1.0, 0.0, 1.0, pd.NA]
    np.testing.assert_allclose(TASK.constant(truth[:3]), [[1 / 3, 2 / 3, 0]])


def test_figures_have_a_line_for_each_class_and_a_cell_for_each_pair():
    truth, chance = _rows()
    ax = calibrations(TASK, truth, {"before": chance, "after": chance}, "grade")
    [legend] = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()][1:3] == ["before, low", "before, mid"]
    assert len(ax.lines) == 7
    assert set(bins(TASK, truth, chance)["class"]) == set(NAMES)
    cells = [text.get_text() for text in told_apart(TASK, truth, chance, "grade").texts]
    assert len(cells) == 9
    counts = sum(int(cell.split("\n")[1].replace(",", "")) for cell in cells)
    assert counts == len(truth)
