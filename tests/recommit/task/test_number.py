"""Numbers as answers: losses, scores, intervals, and the questions of leakage detectors."""

import numpy as np
import pytest
from mapie.regression import SplitConformalRegressor
from sklearn import metrics
from sklearn.dummy import DummyRegressor

from recommit.evidence.numbers import Interval
from recommit.learning.intervals import blocks
from recommit.task import Number, Task

TASK: Task = Number("min")


@pytest.fixture
def drawn():
    draws = np.random.default_rng(1)
    truth = draws.gamma(2, 10, size=600)
    return truth, truth + draws.normal(0, 5, size=600), blocks(np.repeat(np.arange(60), 10), 0)


def test_scores_are_those_of_scikit_learn(drawn):
    truth, answer, days = drawn
    judged = TASK.judge(truth, answer, days)
    assert list(judged) == list(TASK.scores)
    assert judged["squared_error"].value == pytest.approx(metrics.mean_squared_error(truth, answer))
    assert judged["absolute_error"].value == pytest.approx(metrics.mean_absolute_error(truth, answer))
    assert judged["explained"].value == pytest.approx(metrics.r2_score(truth, answer))


def test_the_loss_among_the_scores_is_the_mean_of_the_losses(drawn):
    truth, answer, days = drawn
    assert TASK.judge(truth, answer, days)[TASK.loss].value == pytest.approx(TASK.losses(truth, answer).mean())


def test_an_answer_that_is_too_high_on_average_has_a_gap_of_as_much(drawn):
    truth, _, days = drawn
    assert TASK.gap(truth, truth + 2, days).value == pytest.approx(2)
    assert TASK.judge(truth, truth + 2, days)["calibration_error"].value == pytest.approx(2)
    assert TASK.judge(truth, truth, days)["calibration_error"].value == 0


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_intervals_are_mapies(drawn, level):
    truth, answer, _ = drawn
    regressor = DummyRegressor().fit(np.zeros((1, 1)), [0])
    regressor.predict = lambda rows: rows[:, 0]
    fitted = SplitConformalRegressor(regressor, confidence_level=level, prefit=True)
    _, ends = fitted.conformalize(answer[:, None], truth).predict_interval(answer[:, None])
    assert np.allclose(TASK.conform(truth, answer, level).ends(answer), ends[:, :, 0])


def test_intervals_cover_new_rows_at_their_level():
    draws = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        truth, later = draws.normal(size=99), draws.normal(size=50)
        covered.append(TASK.conform(truth, np.zeros(99), 0.9).covered(later, np.zeros(50)).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


def test_too_few_rows_for_a_level_are_refused():
    with pytest.raises(ValueError, match="8 rows are too few"):
        TASK.conform(np.arange(8.0), np.zeros(8), 0.9)


def test_half_of_the_rows_are_above_the_median():
    [(words, asked)] = TASK.questions(np.arange(10.0)).items()
    assert words == "above 4.5 min"
    assert asked.sum() == 5


@pytest.mark.parametrize(
    ("truth", "answer", "message"),
    [
        ([1.0, np.nan], [1, 1], "true numbers must be finite"),
        ([1.0, 2.0], [1, np.inf], "answers must be finite"),
        ([1.0, 2.0], [1], "do not match"),
    ],
)
def test_what_is_no_number_is_refused(truth, answer, message):
    with pytest.raises(ValueError, match=message):
        TASK.losses(truth, answer)


def test_calibration_changes_no_number():
    assert TASK.calibrate([1, 2], [3, 4])([3.5]).tolist() == [3.5]


def test_bounds_are_shares_of_the_baselines_loss_and_of_the_targets_spread(drawn):
    truth, _, _ = drawn
    scale = TASK.scale(TASK.spread(truth), TASK.losses(truth, np.full(len(truth), truth.mean())))
    assert scale.loss == pytest.approx(truth.var())
    assert scale.answer == pytest.approx(truth.std())
    assert scale.of_answer(Interval(1.0, 0.0, 2.0)).high == pytest.approx(2 / truth.std())


def test_the_curve_says_how_many_rows_are_so_far_off(drawn):
    truth, answer, days = drawn
    points = TASK.curve(truth, answer, TASK.judge(truth, answer, days)).points
    middle = points[points["y"] >= 0.5]["x"].iloc[0]
    assert middle == pytest.approx(np.median(np.abs(answer - truth)), abs=0.3)
    assert points["y"].iloc[-1] == pytest.approx(0.99, abs=0.01)


def test_honest_answers_for_few_rows_are_not_miscalibrated_by_chance():
    """Errors are in standard deviations of the target, and 0.05 is the gate's bound."""
    errors = []
    for seed in range(50):
        draws = np.random.default_rng(seed)
        answer = draws.normal(size=1000)
        truth = answer + draws.normal(size=1000)
        error = TASK.judge(truth, answer, blocks(np.repeat(np.arange(50), 20), 0))["calibration_error"]
        errors.append(error.interval().low / np.sqrt(2))
    assert np.mean(np.array(errors) < 0.05) > 0.95


def test_any_finite_number_is_an_answer():
    assert TASK.sound([0, -1e9, np.nan, np.inf]).tolist() == [True, True, False, False]
