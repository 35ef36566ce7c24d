"""Every model of every task fits, repeats, becomes a file that answers as it does, and holds what it was given."""

import numpy as np
import pandas as pd
import pytest

from recommit.artifact.export import export
from recommit.artifact.model import Model
from recommit.learning.models import MODELS, build
from recommit.task import Binary, Classes, Number

SIZES = ("large", "middle", "small")
TASKS = {"binary": Binary(("no", "yes")), "number": Number("min"), "classes": Classes(SIZES)}
EVERY = [(kind, name) for kind, models in MODELS.items() for name in models]
VALUES = {"colour": ["red", "green", "unknown"]}
COLUMNS = ["length", "width", "colour"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    draws = np.random.default_rng(1)
    table = pd.DataFrame(draws.normal(size=(800, 2)).astype("float32"), columns=COLUMNS[:2])
    table.loc[::17, "width"] = np.float32("nan")
    table["colour"] = draws.choice(["red", "green"], 800)
    table["number"] = 40 + 8 * table["length"] + 5 * (table["colour"] == "red") + draws.normal(0, 2, 800)
    table["binary"] = table["number"] > 42
    table["classes"] = pd.cut(table["number"], [-np.inf, 36, 48, np.inf], labels=["small", "middle", "large"]).astype(
        "str"
    )
    return table


def fitted(kind: str, name: str, rows: pd.DataFrame):
    return TASKS[kind].fit(build(name, {}, COLUMNS, VALUES, 7, kind), rows[COLUMNS], rows[kind])


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_models_file_answers_as_it_does_and_is_the_same_again(kind, name, rows):
    task, train = TASKS[kind], rows.iloc[:600]
    model = fitted(kind, name, train)
    content = export(model, rows[COLUMNS])
    assert content == export(fitted(kind, name, train), rows[COLUMNS])
    odd = rows.assign(length=np.float32("nan"), colour="unknown")
    for asked in (rows, odd):
        expected = task.answer(model, asked[COLUMNS])
        spread = task.spread(rows[kind])
        np.testing.assert_allclose(Model(content).answer(asked) / spread, expected / spread, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), [one for one in EVERY if one[1] != "baseline"])
def test_a_model_learns_and_the_baseline_says_the_mean(kind, name, rows):
    task, test = TASKS[kind], rows.iloc[600:]
    baseline, learned = (
        task.answer(fitted(kind, which, rows.iloc[:600]), test[COLUMNS]) for which in ("baseline", name)
    )
    learnt = rows[kind][:600]
    expected = [(learnt == size).mean() for size in SIZES] if kind == "classes" else learnt.mean()
    assert baseline == pytest.approx(np.broadcast_to(expected, baseline.shape))
    assert task.losses(test[kind], learned).mean() < task.losses(test[kind], baseline).mean() * 0.8


def test_what_is_no_model_or_no_parameter_is_refused():
    with pytest.raises(ValueError, match="no model 'linear'; there are baseline, logistic, boosting"):
        build("linear", {}, COLUMNS, VALUES, 7, "binary")
    with pytest.raises(ValueError, match="model linear"):
        build("linear", {"trees": 3}, COLUMNS, VALUES, 7, "number")
    with pytest.raises(ValueError, match="model boosting"):
        build("boosting", {"early_stopping": True}, COLUMNS, VALUES, 7, "number")
    with pytest.raises(ValueError, match="no features"):
        build("linear", {}, [], VALUES, 7, "number")
