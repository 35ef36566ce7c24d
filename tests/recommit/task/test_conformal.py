import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from sklearn.base import BaseEstimator, ClassifierMixin

from recommit.artifact.sets import Conformal
from recommit.task import Binary, Number

TASK = Binary(("no", "yes"))


def _draw(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and a forecast that knows something of them and is not calibrated."""
    signal = rng.normal(size=rows)
    return rng.uniform(size=rows) < 1 / (1 + np.exp(1 - 2 * signal)), 1 / (1 + np.exp(-signal))


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_hold_what_comes_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(200):
        sets = TASK.conform(*_draw(rng, 400), level)
        outcome, probability = _draw(rng, 400)
        shares.append(sets.covered(outcome, probability).mean())
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    # The mean coverage of a split conformal set lies between the level and the level + 1 / (n + 1).
    assert level - 2 * error <= np.mean(shares) <= level + 1 / 401 + 2 * error


def test_sets_by_outcome_hold_each_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    outcome, probability = _draw(rng, 40_000)
    later, theirs = _draw(rng, 40_000)
    for by_outcome, holds in ((False, False), (True, True)):
        covered = TASK.conform(outcome, probability, 0.9, by_outcome).covered(later, theirs)
        shares = [covered[group].mean() for group in TASK.groups(later).values()]
        assert all(abs(share - 0.9) < 0.01 for share in shares) == holds, shares


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_by_outcome_have_the_quantiles_of_each_by_itself(level: float) -> None:
    outcome, probability = _draw(np.random.default_rng(5), 500)
    sets, (no, yes) = TASK.conform(outcome, probability, level, by_outcome=True), TASK.groups(outcome).values()
    assert sets.quantile == (
        TASK.conform(outcome[no], probability[no], level).quantile,
        TASK.conform(outcome[yes], probability[yes], level).quantile,
    )


def test_an_outcome_with_too_few_rows_for_its_level_is_named() -> None:
    outcome = np.arange(100) < 5
    with pytest.raises(ValueError, match=r"yes: 5 rows are too few for sets at level 0\.9"):
        TASK.conform(outcome, np.full(100, 0.5), 0.9, by_outcome=True)
    with pytest.raises(ValueError, match=r"prediction\.by_outcome in params\.yaml is for outcomes and classes"):
        Number("min").conform([1.0, 2.0], [1.0, 2.0], 0.5, by_outcome=True)


class _Given(ClassifierMixin, BaseEstimator):
    """A classifier whose only feature is the probability: MAPIE takes no predictions without a classifier."""

    classes_ = np.array([0, 1])

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Given":  # noqa: N803 - scikit-learn's interface
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        return (X[:, 0] > 0.5).astype("int64")

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        return np.column_stack([1 - X[:, 0], X[:, 0]])


@pytest.mark.parametrize("rows", [40, 999, 1000])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_are_mapies(level: float, rows: int) -> None:
    rng = np.random.default_rng(rows)
    outcome, probability = _draw(rng, rows)
    fitted = SplitConformalClassifier(_Given(), confidence_level=level, conformity_score="lac", prefit=True)
    fitted.conformalize(probability[:, None], outcome.astype("int64"))
    _, later = _draw(rng, 500)
    theirs = fitted.predict_set(later[:, None])[1][:, :, 0].astype(bool)
    assert (TASK.conform(outcome, probability, level).sets(later) == theirs).all()


def test_a_set_holds_what_cannot_be_ruled_out() -> None:
    sets = Conformal(level=0.9, quantile=0.7)
    assert sets.sets([0.1, 0.5, 0.9]).tolist() == [[True, False], [True, True], [False, True]]
    assert sets.covered([1, 1, 1], [0.1, 0.5, 0.9]).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("level", "rows", "said"), [(1.0, 50, "between 0 and 1"), (0.99, 50, "50 rows are too few for sets at level 0.99")]
)
def test_what_cannot_be_promised_is_refused(level: float, rows: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TASK.conform(*_draw(np.random.default_rng(3), rows), level)
