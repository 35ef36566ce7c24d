"""A search is advice: what was better, how surely after picking the best, whether a fresh month bears it out."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from recommit.evidence.files import plain
from recommit.evidence.stages import Tried
from recommit.learning.intervals import Interval
from recommit.learning.search import Found, adopting, advice, as_advice, search, settings
from recommit.learning.splits import Split
from recommit.project.yaml import read_yaml
from recommit.task import Binary
from tests.recommit.learning.splitting import by_month

TASK = Binary(("no", "late"))


def _months(count: int = 3) -> list[Split]:
    rng = np.random.default_rng(1)
    tables = []
    for month in range(count + 1):
        at = pd.date_range(f"2013-0{month + 1}-01", periods=28 * 40, freq="36min", tz="UTC")
        x = rng.normal(size=(len(at), 4))
        late = rng.uniform(size=len(at)) < 1 / (1 + np.exp(-x[:, 0]))
        known = at + pd.Timedelta(hours=1)
        columns = {"predicted_at": at, "label_known_at": known, "late": late, **dict(zip("abcd", x.T, strict=True))}
        tables.append(pd.DataFrame(columns))
    return [by_month(f"2013-0{place + 3}-01").test(pd.concat(tables[: place + 2])) for place in range(count)]


def test_the_setting_of_params_yaml_comes_first_and_others_are_drawn_once_each() -> None:
    drawn = settings({"C": 1, "tol": 0.1}, {"C": [1, 2, 3, 4], "tol": [0.1, 0.2]}, most=5, seed=1)
    assert drawn[0] == {"C": 1, "tol": 0.1}
    assert len(drawn) == 6
    assert len({tuple(setting.items()) for setting in drawn}) == 6
    assert settings({"C": 1}, {}, most=5, seed=1) == [{"C": 1}]


def _logistic(setting):
    return LogisticRegression(**setting)


def test_a_better_setting_is_found_and_confirmed_in_the_month_not_searched() -> None:
    found = search(TASK, _logistic, [{"C": 1e-5}, {"C": 1.0}], _months(), list("abcd"), "late", seed=1)
    assert found.best.params == {"C": 1.0}
    assert found.best.difference.high < 0
    assert found.find == "confirmed"
    assert (found.periods, found.confirmed_in) == (("2013-02", "2013-03"), "2013-04")
    said = advice(found, "logistic")
    assert "the best of 1: it was picked by these folds, so expect less than this" in said
    assert "in 2013-04, which was not searched: -0." in said
    assert "confirmed: surely better there as well" in said
    assert said.endswith("to adopt it: dvc exp run -S models.logistic.C=1.0 select")


def test_a_search_that_overfits_is_contradicted_by_the_month_not_searched() -> None:
    months = _months()
    leaky = [replace(fold, train=pd.concat([fold.train, fold.test])) for fold in months[:-1]]
    tried = [{"max_depth": 2}, {"max_depth": 30}]
    found = search(
        TASK, lambda setting: DecisionTreeClassifier(random_state=1, **setting),
        tried, [*leaky, months[-1]], list("abcd"), "late", seed=1,
    )  # fmt: skip
    assert found.best.params == {"max_depth": 30}
    assert found.find == "contradicted"
    assert "contradicted: surely worse there" in advice(found, "tree")


class _Guess:
    """A model whose every forecast is luck, another for each seed."""

    def __init__(self, *seed: int) -> None:
        self.seed = seed

    def fit(self, rows: pd.DataFrame, outcome: pd.Series) -> "_Guess":
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        chance = np.random.default_rng([*self.seed, len(rows)]).uniform(0.3, 0.7, size=len(rows))
        return np.column_stack([1 - chance, chance])


def test_the_best_of_nine_that_are_all_alike_is_not_called_surely_better_for_having_been_picked() -> None:
    months, tried, found = _months(2), [{"a": one} for one in range(9)], []
    for seed in range(40):
        found.append(search(TASK, lambda one, seed=seed: _Guess(seed, one["a"]), tried, months, ["a"], "late", seed))
    picked = [one for one in found if one.confirmation]
    assert len(picked) > 20
    surely = [one for one in picked if one.best.difference.high < 0]
    assert len(surely) <= 3  # the intervals hold together in 95 %
    unconfirmed = [one for one in picked if one.find == "unconfirmed"]
    assert len(unconfirmed) > 0.85 * len(picked)
    assert "unconfirmed: not surely better there" in advice(unconfirmed[0], "guess")
    assert as_advice(unconfirmed[0], "guess", pd.Timestamp("2013-05-01", tz="UTC")).find == "unconfirmed"


def test_when_the_setting_of_params_yaml_is_best_nothing_is_advised() -> None:
    for tried in ([{"C": 1.0}], [{"C": 1.0}, {"C": 1e-6}]):
        found = search(TASK, _logistic, tried, _months(), list("abcd"), "late", seed=1, share=0.5)
        assert (found.best.params, found.confirmation, found.find) == ({"C": 1.0}, None, "none")
        assert adopting(found, "logistic") is None
        said = f"in 2013-02 and 2013-03; others tried: {len(tried) - 1}"
        assert advice(found, "logistic") == f"logistic: no setting was better than that of params.yaml {said}"


def test_a_setting_that_changes_no_forecast_is_neither_better_nor_worse() -> None:
    tried = [{"C": 1.0}, {"C": 1e-5}, {"C": 1.0, "n_jobs": None}]
    found = search(TASK, _logistic, tried, _months(), list("abcd"), "late", seed=1)
    assert found.tried[2].difference == Interval(0.0, 0.0, 0.0)
    json.dumps(plain(as_advice(found, "logistic", pd.Timestamp("2013-05-01", tz="UTC"))), allow_nan=False)


def test_the_line_that_adopts_a_setting_gives_params_yaml_that_setting(tmp_path) -> None:
    current = {"C": 0.1, "penalty": "l2", "max_iter": 100, "kept": 1}
    best = {"C": 1e-05, "penalty": "it's $one", "max_iter": None, "kept": 1, "warm": True, "sizes": [1, 2.5]}
    best["weights"] = {"boosting": 0.7, "logistic": 0.3}
    none = Interval(0.0, 0.0, 0.0)
    found = Found((Tried(current, none, none),), Tried(best, none, none), none, ("2013-05",), "2013-06")
    words = shlex.split(adopting(found, "logistic") or "")
    assert words[:3] + words[-1:] == ["dvc", "exp", "run", "select"]
    assert not any("kept" in word for word in words)
    (tmp_path / "params.yaml").write_text("models:\n  logistic: {C: 0.1, penalty: l2, max_iter: 100, kept: 1}\n")
    apply_overrides(tmp_path / "params.yaml", [word for word in words[3:-1] if word != "-S"])
    assert read_yaml(tmp_path / "params.yaml")["models"]["logistic"] == best


def test_a_search_needs_a_month_to_confirm_on() -> None:
    with pytest.raises(ValueError, match="two folds or more"):
        search(TASK, lambda setting: LogisticRegression(**setting), [{}], _months(1), ["a"], "late", seed=1)
