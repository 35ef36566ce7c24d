from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recommit.learning.selection import choose, predictions_of
from recommit.task import Binary

TASK = Binary(("no", "yes"))


def _rows(days: int = 60, each: int = 50) -> tuple[pd.Series, pd.Series, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = 1 / (1 + np.exp(-(rng.normal(size=days).repeat(each) + rng.normal(size=days * each))))
    outcome = pd.Series(rng.uniform(size=len(truth)) < truth)
    return outcome, pd.Series(np.arange(days).repeat(each)), truth


def test_of_equally_good_fits_the_simplest_is_chosen() -> None:
    outcome, days, truth = _rows()
    noise = np.random.default_rng(2).normal(scale=0.02, size=len(truth))
    probabilities = pd.DataFrame({"simple": np.clip(truth + noise, 0.01, 0.99), "rich": truth})
    ranked = choose(TASK, outcome, days, probabilities, seed=1)
    chosen = next(one for one in ranked if one.chosen)
    assert chosen.fit == "simple"
    assert chosen.difference.value <= chosen.standard_error


def test_a_fit_that_is_surely_better_is_chosen_however_rich() -> None:
    outcome, days, truth = _rows()
    ranked = choose(TASK, outcome, days, pd.DataFrame({"simple": np.full(len(truth), 0.5), "rich": truth}), seed=1)
    assert [(one.fit, one.chosen) for one in ranked] == [("rich", True), ("simple", False)]


def _write(folder: Path, fit: str, outcome: list[bool]) -> None:
    known = pd.date_range("2013-05-01", periods=len(outcome), tz="UTC")
    table = pd.DataFrame({"predicted_at": known, "label_known_at": known, "late": outcome, "fold": "2013-05"})
    table.assign(answer=0.5).to_parquet(folder / f"{fit}.parquet")


def test_fits_that_predicted_other_rows_are_not_compared(tmp_path: Path) -> None:
    _write(tmp_path, "one", [True, False])
    _write(tmp_path, "other", [True, True])
    with pytest.raises(ValueError, match="other did not predict the same rows as one"):
        predictions_of(TASK, tmp_path, ["one", "other"])


def test_a_missing_fit_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dvc repro train@one"):
        predictions_of(TASK, tmp_path, ["one"])
