import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from recommit.learning.search import search, settings
from recommit.learning.splits import Split


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
    return [
        Split(pd.concat(tables[: place + 1]), table, table["predicted_at"].min(), table["predicted_at"].max())
        for place, table in enumerate(tables[1:])
    ]


def test_the_default_comes_first_and_settings_are_drawn_once_each() -> None:
    drawn = settings({"C": 1, "tol": 0.1}, {"C": [1, 2, 3, 4], "tol": [0.1, 0.2]}, most=5, seed=1)
    assert drawn[0] == {"C": 1, "tol": 0.1}
    assert len(drawn) == 6
    assert len({tuple(setting.items()) for setting in drawn}) == 6
    assert settings({"C": 1}, {}, most=5, seed=1) == [{"C": 1}]


def test_a_better_setting_is_found_and_holds_in_the_month_not_searched() -> None:
    tried = [{"C": 1e-5}, {"C": 1.0}]
    found = search(lambda setting: LogisticRegression(**setting), tried, _months(), list("abcd"), "late", seed=1)
    assert found.best == {"C": 1.0}
    assert found.confirmation.high < 0
    assert (found.months, found.confirmed_in) == (("2013-02", "2013-03"), "2013-04")


def test_a_search_that_overfits_is_seen_in_the_month_not_searched() -> None:
    months = _months()
    leaky = [Split(pd.concat([fold.train, fold.test]), fold.test, fold.starts, fold.ends) for fold in months[:-1]]
    tried = [{"max_depth": 2}, {"max_depth": 30}]
    found = search(
        lambda setting: DecisionTreeClassifier(random_state=1, **setting),
        tried, [*leaky, months[-1]], list("abcd"), "late", seed=1,
    )  # fmt: skip
    assert found.best == {"max_depth": 30}
    assert found.confirmation.low > 0


def test_when_the_default_is_best_there_is_nothing_to_confirm() -> None:
    found = search(lambda setting: LogisticRegression(**setting),
                   [{"C": 1.0}], _months(), list("abcd"), "late", seed=1, share=0.5)  # fmt: skip
    assert found.best == {"C": 1.0}
    assert found.confirmation.value == 0


def test_a_search_needs_a_month_to_confirm_on() -> None:
    with pytest.raises(ValueError, match="two folds or more"):
        search(lambda setting: LogisticRegression(**setting), [{}], _months(1), ["a"], "late", seed=1)
