"""Every model of every task fits, repeats, becomes a file that answers as it does, and holds what it was given."""

import numpy as np
import pandas as pd
import pytest

from recommit.artifact import parity
from recommit.artifact.calibration import Platt, Temperature
from recommit.artifact.export import export
from recommit.artifact.graph import read_graph
from recommit.artifact.model import Model
from recommit.learning.leakage.fitted import fitted_beyond
from recommit.learning.models import AVERAGE, MODELS, build, members
from recommit.task import Binary, Classes, Number
from tests.recommit.artifact.conftest import rebuilt

SIZES = ("large", "middle", "small")
TASKS = {"binary": Binary(("no", "yes")), "number": Number("min"), "classes": Classes(SIZES)}
EVERY = [(kind, name) for kind, models in MODELS.items() for name in (*models, AVERAGE)]
VALUES = {"colour": ["red", "green", "unknown"]}
COLUMNS = ["length", "width", "colour"]
WEIGHTS = {"binary": None, "number": {"linear": 3, "boosting": 1}, "classes": {"boosting": 0.7, "logistic": 0.3}}


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
    params = {"of": {"boosting": {"max_iter": 40}, line(kind): {}}, "weights": WEIGHTS[kind]} if name == AVERAGE else {}
    return TASKS[kind].fit(build(name, params, COLUMNS, VALUES, 7, kind), rows[COLUMNS], rows[kind])


def line(kind: str) -> str:
    return "linear" if kind == "number" else "logistic"


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
        members(["baseline", "linear"], "binary")
    assert members(["boosting", "baseline"], "binary") == ["baseline", "boosting"]
    assert members(["average"], "number") == list(MODELS["number"])
    with pytest.raises(ValueError, match="no model 'linear'; there are baseline, logistic, boosting"):
        build("linear", {}, COLUMNS, VALUES, 7, "binary")
    with pytest.raises(ValueError, match="model linear"):
        build("linear", {"trees": 3}, COLUMNS, VALUES, 7, "number")
    with pytest.raises(ValueError, match="model boosting"):
        build("boosting", {"early_stopping": True}, COLUMNS, VALUES, 7, "number")
    with pytest.raises(ValueError, match="no features"):
        build("linear", {}, [], VALUES, 7, "number")


@pytest.mark.parametrize(("kind", "share"), [("binary", 0.5), ("number", 0.25), ("classes", 0.7)])
def test_an_average_is_the_weighted_mean_of_its_members(kind, share, rows):
    average, members = fitted(kind, AVERAGE, rows), {"boosting": {"max_iter": 40}, line(kind): {}}
    boosting, straight = (
        TASKS[kind].answer(
            TASKS[kind].fit(build(name, params, COLUMNS, VALUES, 7, kind), rows[COLUMNS], rows[kind]), rows[COLUMNS]
        )
        for name, params in members.items()
    )
    assert TASKS[kind].answer(average, rows[COLUMNS]) == pytest.approx(share * boosting + (1 - share) * straight)


@pytest.mark.parametrize("kind", TASKS)
def test_parity_sees_another_weight_in_the_file_of_an_average_and_comes_to_the_thresholds_of_its_trees(kind, rows):
    task, train = TASKS[kind], rows[COLUMNS].astype({"colour": "str"})
    calibration = {"binary": Platt(0.8, -0.2), "classes": Temperature(1.3)}.get(kind, task.uncalibrated)
    model = fitted(kind, AVERAGE, rows)
    asked = parity.answered(model, export(model, train), train, seed=1)
    content = calibration.into(export(model, train))
    graph = read_graph(content)
    assert (graph.kind, len(graph.predictors)) == (kind, 2)
    if kind != "number":  # whose file has no calibration
        assert vars(graph.calibration) == pytest.approx(vars(calibration))

    def compared(content):
        found = parity.compare(Model(content), asked, calibration, task.spread(rows[kind]))
        return {one.kind: one for one in found}

    sound = compared(content)
    assert sound["threshold"].rows > 500
    assert [one for one in sound.values() if one.beyond] == []

    def spoil(model):
        [weight] = [one for one in model.graph.initializer if one.name == "average_weight_0"]
        weight.raw_data = np.float32(np.frombuffer(weight.raw_data, "float32")[0] + 0.001).tobytes()

    assert compared(rebuilt(content, spoil))["usual"].beyond > 0


def test_the_steps_of_each_member_of_an_average_are_held_against_the_training_rows(rows):
    few, more = rows.iloc[:100], rows
    model = fitted("number", AVERAGE, few)
    assert fitted_beyond(model, few[COLUMNS], few["number"]) == []
    assert fitted_beyond(fitted("number", AVERAGE, more), few[COLUMNS], few["number"]) != []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "of must map two models or more to their parameters, not None"),
        ({"of": {"boosting": {}}}, "of must map two models or more"),
        ({"of": {"boosting": 0.5, "linear": 0.5}}, "of must map two models or more"),
        ({"of": {"boosting": {}, "magic": {}}}, "no model 'magic'; there are baseline, linear, boosting"),
        ({"of": {"boosting": {}, "average": {}}}, "model average cannot be a member of itself"),
        ({"of": {"boosting": {}, "linear": {"trees": 3}}}, "model linear: .*'trees'"),
        ({"of": {"boosting": {}, "linear": {}}, "weights": {"boosting": 1}}, "weights must give boosting, linear"),
        ({"of": {"boosting": {}, "linear": {}}, "weights": {"boosting": 1, "linear": 0}}, "a number above 0 each"),
        ({"of": {"boosting": {}, "linear": {}}, "shares": {}}, "has no parameter shares; it has of and weights"),
    ],
)
def test_an_average_of_what_is_no_model_or_of_itself_is_refused_in_one_line(params, words):
    with pytest.raises(ValueError, match=words) as refused:
        build(AVERAGE, params, COLUMNS, VALUES, 7, "number")
    assert "\n" not in str(refused.value)
