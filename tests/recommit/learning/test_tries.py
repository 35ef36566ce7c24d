"""The best of many tries on one test month is held to what many tries allow, not to what one does."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from recommit.evidence.numbers import Interval, Scale
from recommit.evidence.stages import Block
from recommit.learning.intervals import LEVEL, blocks
from recommit.learning.judging import differences
from recommit.learning.tries import PROVING, by_block, keys_hash, shortfalls
from recommit.project.yaml import read_yaml
from recommit.task import Binary
from tests.recommit.notebook.conftest import ROOT

BOUNDS = read_yaml(ROOT / "params.yaml")["gate"]
DAYS, ROWS, TRIES = 31, 900, 16
TASK = Binary(("punctual", "late"))
AS_THEY_ARE = {"loss": "log_loss", "scale": TASK.scale(1, [])}


def judged(gained: np.ndarray) -> Any:
    """The evidence of a candidate that gained so much on its champion on each day, and plenty on the baseline."""
    losses = [{"candidate": 0.48, "baseline": 0.58, "champion": 0.48 + gain} for gain in gained]
    days = [
        Block(f"2013-08-{day:02}", ROWS, {name: loss * ROWS for name, loss in by_model.items()})
        for day, by_model in enumerate(losses, start=1)
    ]
    level = {"log_loss": Interval(0.0, 0.0, 0.0, LEVEL)}
    return SimpleNamespace(blocks=days, differences={"baseline": level, "champion": level}, **AS_THEY_ARE)


def passes(gained: np.ndarray, looks: int) -> bool:
    return not shortfalls(judged(gained), BOUNDS, looks)


ERROR = 0.0048
"""Standard error, in nats, of the difference that one month measures between two recipes."""
ALIKE = 0.3
"""Correlation of neighbouring days."""


def gains(rng: np.random.Generator, truth: float, tries: int) -> np.ndarray:
    """What each try gains on the champion on each day, (tries, days), whose mean over many months is `truth`."""
    luck = rng.normal(size=(tries, DAYS))
    for day in range(1, DAYS):
        luck[:, day] = ALIKE * luck[:, day - 1] + np.sqrt(1 - ALIKE**2) * luck[:, day]
    return truth + luck * ERROR * np.sqrt(DAYS * (1 - ALIKE) / (1 + ALIKE))


def test_of_sixteen_tries_of_a_worse_recipe_none_is_promoted() -> None:
    """The recipe is truly worse than the champion by more than the bound forgives. Its tries share no luck."""
    truth = -BOUNDS["not_worse_than_champion"] - 0.001
    worlds = [gains(np.random.default_rng(world), truth, TRIES) for world in range(100)]
    by_one_look = sum(any(passes(one, 1) for one in tries) for tries in worlds)
    counted = sum(any(passes(one, TRIES) for one in tries) for tries in worlds)
    as_they_come = sum(any(passes(one, look) for look, one in enumerate(tries, 1)) for tries in worlds)
    print(f"promoted in {by_one_look} of 100 worlds by one look, {counted} by 16 looks, {as_they_come} as they come")
    assert by_one_look >= 10, "the fault is not there: in a tenth of the worlds one of sixteen must look good enough"
    assert counted <= 2  # an error rate of 5 % is 2.5 % to one side
    assert as_they_come <= 8  # who asks after each try asks more often: at most 2.5 % (1 + 1/2 + ... + 1/16)


def test_a_candidate_that_is_truly_better_is_promoted_after_sixteen_tries() -> None:
    rng = np.random.default_rng(1)
    better = [passes(one, TRIES) for one in gains(rng, 6 * ERROR, 50)]
    assert sum(better) > 40


@pytest.mark.parametrize(("rule", "other"), [(rule, other) for rule, (other, _) in PROVING.items()])
def test_each_rule_that_the_candidate_must_prove_asks_more_of_many(rule: str, other: str) -> None:
    rng = np.random.default_rng(1)
    test = judged(np.full(DAYS, 0.1) + rng.normal(scale=1e-4, size=DAYS))
    for block in test.blocks:
        block.losses["candidate"] += rng.normal(scale=0.05) * ROWS
    days = blocks(np.arange(DAYS), seed=0)
    theirs, own = (days.ratio([block.losses[name] / ROWS for block in test.blocks]) for name in (other, "candidate"))
    low = [(theirs - own).interval(1 - (1 - LEVEL) / looks).low for looks in (1, 40)]
    between = PROVING[rule][1] * (low[0] + low[1]) / 2
    bounds = {"better_than_baseline": -1.0, "not_worse_than_champion": 1.0} | {rule: between}
    assert shortfalls(test, bounds, 1) == []
    (found,) = shortfalls(test, bounds, 40)
    assert found.rule == rule
    assert found.interval.low == pytest.approx(low[1])
    assert f"rule {rule}: 40 candidates were judged on this test period" in str(found)
    assert f"[{low[1]:.4f}, {found.interval.high:.4f}] at 99.88 %" in str(found)
    assert "new test period (move as_of), try fewer, or overrule it by --force with --reason" in str(found)


def test_with_one_look_the_days_sums_give_the_interval_that_the_gate_saw() -> None:
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(DAYS), rng.integers(20, 60, size=DAYS))
    chance = expit(rng.normal(size=len(day)) + 0.3 * rng.normal(size=DAYS)[day])
    late = rng.uniform(size=len(day)) < chance
    forecasts = {"candidate": chance, "baseline": np.full(len(day), 0.5), "champion": np.clip(chance + 0.1, 0, 0.99)}
    judged_by = {name: TASK.judge(late, forecast, blocks(day, seed=7)) for name, forecast in forecasts.items()}
    gaps = {other: differences(judged_by["candidate"], judged_by[other]) for other in ("baseline", "champion")}
    test = SimpleNamespace(
        blocks=by_block(day, {name: TASK.losses(late, forecast) for name, forecast in forecasts.items()}),
        differences={other: {"log_loss": gap["log_loss"].interval()} for other, gap in gaps.items()},
        **AS_THEY_ARE,
    )
    found = shortfalls(test, {"better_than_baseline": 9, "not_worse_than_champion": -9}, 1)
    for one, gap in zip(found, gaps.values(), strict=True):
        seen = gap["log_loss"].interval()
        assert (one.interval.low, one.interval.high) == pytest.approx((seen.low, seen.high))


def test_bounds_on_losses_of_numbers_are_shares_of_the_baselines_loss() -> None:
    test = judged(np.full(DAYS, 0.02) + np.random.default_rng(1).normal(scale=1e-4, size=DAYS))
    test.scale = Scale(loss=0.58, answer=1.0, loss_in="share of the baseline's loss", answer_in="")
    bounds = {"better_than_baseline": 0.16, "not_worse_than_champion": 0}
    assert shortfalls(test, bounds, 2) == []
    (found,) = shortfalls(test, bounds | {"better_than_baseline": 0.18}, 2)
    assert found.interval.value == pytest.approx(0.1 / 0.58, abs=0.001)


def test_a_number_that_is_none_does_not_pass() -> None:
    assert len(shortfalls(judged(np.full(DAYS, np.nan)), BOUNDS, 2)) == 1


def test_the_days_sums_give_the_mean_losses_again() -> None:
    days = pd.Series(pd.date_range("2013-08-01", periods=6, freq="8h")).dt.date
    losses = {"candidate": np.arange(6.0), "champion": np.ones(6)}
    found = by_block(days, losses)
    assert [day.block for day in found] == ["2013-08-01", "2013-08-02"]
    assert [day.rows for day in found] == [3, 3]
    assert [day.losses["candidate"] for day in found] == [3.0, 12.0]


def test_keys_in_another_order_are_the_same_rows_and_another_key_is_not() -> None:
    assert keys_hash(pd.Series([3, 1, 2])) == keys_hash(pd.Series([1, 2, 3])) != keys_hash(pd.Series([1, 2, 4]))
