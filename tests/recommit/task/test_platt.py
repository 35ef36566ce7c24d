import numpy as np
import pytest
from scipy.special import expit, logit

from recommit.artifact.calibration import Platt
from recommit.task.platt import fit_platt


def _world(slope: float, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and a forecast that is off by a straight line in log-odds."""
    rng = np.random.default_rng(1)
    stated = rng.uniform(0.02, 0.98, 50_000)
    return rng.uniform(size=50_000) < expit(slope * logit(stated) + intercept), stated


def test_a_forecast_that_is_off_is_put_right() -> None:
    outcome, stated = _world(0.6, -0.4)
    line = fit_platt(outcome, stated)
    assert line.slope == pytest.approx(0.6, abs=0.03)
    assert line.intercept == pytest.approx(-0.4, abs=0.03)
    assert line(stated).mean() == pytest.approx(outcome.mean(), abs=1e-4)


def test_an_honest_forecast_is_left_alone() -> None:
    line = fit_platt(*_world(1, 0))
    assert (line.slope, line.intercept) == (pytest.approx(1, abs=0.03), pytest.approx(0, abs=0.03))


def test_a_constant_forecast_gets_the_share_that_came() -> None:
    assert fit_platt([0, 0, 0, 1], [0.6] * 4)([0.6])[0] == pytest.approx(0.25)


def test_certain_forecasts_stay_finite() -> None:
    assert np.isfinite(Platt(1.2, 0.1)([0.0, 1.0])).all()


def test_a_forecast_upside_down_is_refused_not_turned_round() -> None:
    outcome, stated = _world(1, 0)
    with pytest.raises(ValueError, match="higher predictions go with fewer outcomes"):
        fit_platt(outcome, 1 - stated)
