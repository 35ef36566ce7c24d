import numpy as np
import pytest

from recommit.artifact.sets import Conformal
from recommit.task.lac import conformalize


def _draw(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and a forecast that knows something of them and is not calibrated."""
    signal = rng.normal(size=rows)
    return rng.uniform(size=rows) < 1 / (1 + np.exp(1 - 2 * signal)), 1 / (1 + np.exp(-signal))


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_hold_what_comes_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(200):
        sets = conformalize(*_draw(rng, 400), level)
        outcome, probability = _draw(rng, 400)
        shares.append(sets.covered(outcome, probability).mean())
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    # The mean coverage of a split conformal set lies between the level and the level + 1 / (n + 1).
    assert level - 2 * error <= np.mean(shares) <= level + 1 / 401 + 2 * error


def test_the_quantile_is_that_of_the_formula() -> None:
    outcome, probability = _draw(np.random.default_rng(2), 999)
    scores = np.sort(np.where(outcome, 1 - probability, probability))
    assert conformalize(outcome, probability, 0.9).quantile == scores[int(np.ceil(1000 * 0.9)) - 1]


def test_a_set_holds_what_cannot_be_ruled_out() -> None:
    sets = Conformal(level=0.9, quantile=0.7)
    assert sets.sets([0.1, 0.5, 0.9]).tolist() == [[True, False], [True, True], [False, True]]
    assert sets.covered([1, 1, 1], [0.1, 0.5, 0.9]).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("level", "rows", "said"), [(1.0, 50, "between 0 and 1"), (0.99, 50, "50 rows are too few for sets at level 0.99")]
)
def test_what_cannot_be_promised_is_refused(level: float, rows: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        conformalize(*_draw(np.random.default_rng(3), rows), level)
