"""How often intervals hold the truth when neighbouring days are alike: simulated months whose truth is known."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.signal import lfilter
from scipy.special import expit

from recommit.learning.intervals import Blocks, Estimate, blocks
from recommit.task.probabilities import log_losses, ranking

RESULTS = Path(__file__).parents[1] / "benchmarks/results/coverage.json"
CORRELATIONS = (0.0, 0.25, 0.47)  # of the days; of the days' means of the outcome, measured, somewhat less
LOOKS = 16
LEVELS, PER_LEVEL = stats.norm.ppf((np.arange(10) + 0.5) / 10), 90
MONTH = 31


@dataclass(frozen=True)
class Month:
    """Days of 900 rows in cells of equal rows: each cell's day, outcome, number of rows, and two forecasts.

    A day's weather is known to the forecasts, its jams are not; both are autoregressions of order one over the days.
    """

    day: np.ndarray
    outcome: np.ndarray
    rows: np.ndarray
    forecast: np.ndarray
    other: np.ndarray

    @staticmethod
    def drawn(rng: np.random.Generator, days: int, correlation: float) -> "Month":
        """Days whose weather and jams are correlated with the next day's."""
        weather, jams = (chain(rng, days, correlation)[:, None] for _ in range(2))
        known = -1.75 + 1.08 * weather + 1.5 * LEVELS
        late = rng.binomial(PER_LEVEL, expit(known + 0.52 * jams))
        other = -1.6 + 0.86 * weather + 1.2 * LEVELS + rng.normal(size=(days, 10)) / 2
        cells = days * len(LEVELS)
        return Month(
            day=np.repeat(np.arange(days), 2 * len(LEVELS)),
            outcome=np.tile([1.0, 0.0], cells),
            rows=np.stack([late, PER_LEVEL - late], axis=2).ravel().astype("float64"),
            forecast=np.repeat(expit(known).ravel(), 2),
            other=np.repeat(expit(other).ravel(), 2),
        )

    def numbers(self, days: Blocks) -> dict[str, Estimate]:
        """What the gate and the report read, by name; `days` are of the cells."""
        held = np.where(self.outcome == 1, self.forecast > 0.12, self.forecast < 0.5)
        loss, other, base = (
            log_losses(self.outcome, chance) for chance in (self.forecast, self.other, 0.25 + 0 * held)
        )

        def mean(values: np.ndarray, among: ArrayLike = 1.0) -> Estimate:
            return days.ratio(self.rows * values * among, self.rows * among)

        ranks, others = (ranking(self.outcome, chance).auc for chance in (self.forecast, self.other))
        auc = days.statistic(lambda weights: ranks(weights * self.rows))
        return {
            "log loss": mean(loss),
            "brier": mean((self.forecast - self.outcome) ** 2),
            "share": mean(self.outcome),
            "auc": auc,
            "gap": mean(self.forecast - self.outcome),
            "difference": mean(other) - mean(loss),
            "difference of auc": auc - days.statistic(lambda weights: others(weights * self.rows)),
            "covered": mean(held),
            "covered, late": mean(held, self.outcome),
            "covered, punctual": mean(held, 1 - self.outcome),
            "gain over the baseline": mean(base) - mean(loss),
        }


def chain(rng: np.random.Generator, days: int, correlation: float) -> np.ndarray:
    """An autoregression of order one over days, (days,), with variance 1."""
    noise = rng.normal(size=days) * np.sqrt(1 - correlation**2)
    noise[0] /= np.sqrt(1 - correlation**2)
    return lfilter([1], [1, -correlation], noise)


class _Truth(Blocks):
    """So many days that their numbers are the truth; what leaving out one of them changes is not asked."""

    def statistic(self, measure: Callable, limits: tuple[float, float] = (0, 1)) -> Estimate:
        return Estimate(np.asarray(measure(np.ones(len(self.codes)))), np.zeros(2), 0)


def long_run(correlation: float) -> Month:
    """So many days that what is measured on them is the truth."""
    return Month.drawn(np.random.default_rng(0), 40_000, correlation)


def truth_in(long: Month) -> dict[str, float]:
    """The true numbers, by name."""
    return {name: float(one.value) for name, one in long.numbers(_Truth(long.day, 40_000, 0)).items()}


def measured_months(correlation: float, number: int) -> list[dict[str, Estimate]]:
    """What is measured in each of so many months of 31 days."""
    rng = np.random.default_rng(1)
    months = (Month.drawn(rng, MONTH, correlation) for _ in range(number))
    return [month.numbers(blocks(month.day, seed=1)) for month in months]


def coverage(correlation: float, number: int) -> dict[str, object]:
    """Shares of months whose interval holds the truth: at 95 %, divided among looks, and with days as independent."""
    long = long_run(correlation)
    truth, months = truth_in(long), measured_months(correlation, number)
    by_day = np.bincount(long.day, weights=long.rows * long.outcome)

    def held(name: str, level: float, alike: bool = True) -> float:
        found = [month[name].interval(level, alike) for month in months]
        return round(float(np.mean([one.low <= truth[name] <= one.high for one in found])), 3)

    gains = [month["gain over the baseline"].interval().low for month in months]
    return {
        "correlation": round(float(np.corrcoef(by_day[1:], by_day[:-1])[0, 1]), 2),
        "gain_claimed_too_much": round(float(np.mean(np.array(gains) > truth["gain over the baseline"])), 3),
        "held": {
            name: {
                "at_95": held(name, 0.95),
                "among_looks": held(name, 1 - 0.05 / LOOKS),
                "independent": held(name, 0.95, alike=False),
            }
            for name in truth
        },
    }


@click.command()
@click.option("--months", default=500, show_default=True)
def main(months: int) -> None:
    """Simulate, and write benchmarks/results/coverage.json: some three minutes on one core."""
    found = {"months": months, "days": MONTH, "rows_a_day": len(LEVELS) * PER_LEVEL, "looks": LOOKS}
    worlds = [coverage(correlation, months) for correlation in CORRELATIONS]
    RESULTS.write_text(json.dumps(found | {"worlds": worlds}, indent=1) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
