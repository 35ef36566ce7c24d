"""A model of a number is a file that is checked, compared and loaded as one of a probability is."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from recommit import Refusal
from recommit.artifact import parity
from recommit.artifact.answers import NumberAnswers, distance
from recommit.artifact.calibration import AsItIs
from recommit.artifact.export import export
from recommit.artifact.golden import choose, golden_bytes, read_golden
from recommit.artifact.graph import read_graph
from recommit.artifact.load import load
from recommit.artifact.manifest import describe, inputs_of
from recommit.artifact.model import Model
from recommit.artifact.probes import KIND
from recommit.artifact.write import write_model
from recommit.task import Number
from tests.recommit.artifact.conftest import TASK, attribute, node, put, rebuilt, refusal, say
from tests.recommit.artifact.test_fuzz import bounded, disturbances, disturbed, load_or_refuse

MINUTES = Number("min")
BOOSTING = HistGradientBoostingRegressor(max_iter=30, min_samples_leaf=20, early_stopping=False)
MODELS: dict[str, BaseEstimator] = {
    "a constant": DecisionTreeRegressor(min_impurity_decrease=1e9),
    "ridge": Ridge(),
    "least squares": LinearRegression(),
    "boosting": BOOSTING,
    "boosting, absolute error": clone(BOOSTING).set_params(loss="absolute_error"),
    "boosting, quantile": clone(BOOSTING).set_params(loss="quantile", quantile=0.9),
    "forest": RandomForestRegressor(30, min_samples_leaf=5, random_state=0),
    "extra trees": ExtraTreesRegressor(30, min_samples_leaf=5, random_state=0),
}


def delay(table: pd.DataFrame) -> np.ndarray:
    """By how many minutes each row of the table is late."""
    means = 12 * np.sin(3 * table["wind"].fillna(1)) + 8 * table["rain"] - 15 * (table["place"] == "a")
    return np.asarray(means + np.random.default_rng(1).normal(0, 5, len(table)), dtype="float64")


def fit(model: BaseEstimator, table: pd.DataFrame, target: np.ndarray) -> Pipeline:
    numbers, texts = ["wind", "rain"], ["place"]
    if isinstance(model, Ridge | LinearRegression):
        scaled = make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler(clip=True), StandardScaler())
        one_hot = OneHotEncoder(categories=[["a", "b", "c"]], sparse_output=False, handle_unknown="ignore")
        columns = ColumnTransformer([("n", scaled, numbers), ("c", one_hot, texts)])
    else:
        given = "passthrough" if isinstance(model, HistGradientBoostingRegressor) else SimpleImputer(strategy="median")
        codes = OrdinalEncoder(
            categories=[["a", "b", "c"]], dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1
        )
        columns = ColumnTransformer([("n", given, numbers), ("c", codes, texts)])
    return make_pipeline(columns, clone(model)).fit(table, target)


@pytest.fixture(scope="module")
def boosted(table: pd.DataFrame) -> Pipeline:
    return fit(BOOSTING, table, delay(table))


@pytest.fixture(scope="module")
def asked(boosted: Pipeline, table: pd.DataFrame) -> pd.DataFrame:
    return parity.answered(boosted, export(boosted, table), table, seed=1)


@pytest.fixture(scope="module")
def answers(table: pd.DataFrame) -> NumberAnswers:
    truth = delay(table)
    sets = MINUTES.conform(truth, truth + np.random.default_rng(3).normal(0, 5, len(truth)), 0.9)
    return MINUTES.answers(AsItIs(), sets, truth, threshold=0.5)


@pytest.fixture(scope="module")
def files(boosted: Pipeline, table: pd.DataFrame, asked: pd.DataFrame, answers: NumberAnswers, tmp_path_factory):
    """The three files of a model of a number, by name, as the stage `select` writes them."""
    folder = tmp_path_factory.mktemp("number") / "model"
    content = answers.calibrate.into(export(boosted, table))
    model = Model(content)
    fit = {"fit": "boosting-all", "model": "boosting", "features": "all", "params": {}, "train": "0" * 64}
    described = describe(
        fit | {"trained_rows": 600, "trained_until": "2013-08-01"},
        name="delays", problem="By how much is it late?", target="delay", instant="an hour before", horizon_hours=1.0,
        as_of="2013-09-01",
        inputs=inputs_of(model.columns, {"wind": "mph", "rain": "in", "place": "-"}, {"place": "abc"}),
        task=answers, parity=parity.largest(parity.compare(model, asked, answers.calibrate, answers.spread)),
        scores={}, lock="1" * 64,
    )  # fmt: skip
    write_model(folder, content, golden_bytes(choose(asked, model, answers, 1), model, answers), described)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path) -> Path:
    """The folder of that model, which a test may spoil."""
    place = tmp_path / "model"
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_each_model_of_a_number_says_in_its_file_what_scikit_learn_says_to_every_kind_of_row(model, table):
    fitted = fit(model, table, delay(table))
    content = export(fitted, table)
    assert (read_graph(content).kind, export(fitted, table)) == ("number", content)
    asked = parity.answered(fitted, content, table, seed=1)
    found = parity.compare(Model(content), asked, AsItIs(), MINUTES.spread(delay(table)))
    assert {one.kind for one in found} >= {"usual", "category", "missing", "unseen", "extreme"}
    assert [one for one in found if one.beyond or (one.compared < one.rows and one.kind != "extreme")] == []
    np.testing.assert_allclose(Model(content).answer(table), fitted.predict(table), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("mean", "spread"), [(1013, 7), (1e6, 1e6), (0, 1e-6)])
@pytest.mark.parametrize("model", ["boosting", "forest", "ridge"])
def test_parity_holds_whatever_the_size_of_the_target(model, mean, spread, table):
    target = mean + spread * delay(table) / delay(table).std()
    fitted = fit(MODELS[model], table, target)
    content = export(fitted, table)
    asked = parity.answered(fitted, content, table, seed=1)
    assert parity.largest(parity.compare(Model(content), asked, AsItIs(), target.std())) < parity.TOLERANCE


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_leaf_that_is_off_by_a_hundredth_of_the_spread_is_seen_whatever_the_unit(scale, table):
    target = scale * delay(table)
    fitted = fit(BOOSTING, table, target)
    content = export(fitted, table)
    asked = parity.answered(fitted, content, table, seed=1)

    def spoil(model):
        weights = attribute(model, "TreeEnsembleRegressor", "target_weights").floats
        weights[next(n for n, weight in enumerate(weights) if weight)] += target.std() / 100

    found = parity.compare(Model(rebuilt(content, spoil)), asked, AsItIs(), target.std())
    assert next(one for one in found if one.kind == "usual").beyond > 0


def test_a_threshold_moved_by_one_float_is_seen(boosted, table, asked):
    content = export(boosted, table)
    trees = read_graph(content).predictors[0].attributes
    root = next(
        n for n, mode in enumerate(trees["nodes_modes"]) if mode != b"LEAF" and trees["nodes_featureids"][n] < 2
    )

    def move(model):
        values = attribute(model, "TreeEnsembleRegressor", "nodes_values").floats
        values[root] = np.nextafter(np.float32(values[root]), np.float32(np.inf))

    found = parity.compare(Model(rebuilt(content, move)), asked, AsItIs(), delay(table).std())
    assert {one.kind for one in found if one.beyond} == {"threshold"}


def test_an_answer_that_no_float32_can_hold_is_not_compared(table):
    rows = table[["rain"]]
    fitted = LinearRegression().fit(rows, rows["rain"].to_numpy("float64") * 1e6)
    content = export(fitted, rows)
    asked = parity.answered(fitted, content, rows, seed=1)
    extreme = next(one for one in parity.compare(Model(content), asked, AsItIs(), 1e6) if one.kind == "extreme")
    assert (extreme.refused, extreme.refused_by_both, extreme.beyond) == (2, 2, 0)


def test_the_distance_is_a_share_of_the_spread_or_of_the_answer_where_that_is_larger():
    found, due = np.array([1.0, 0.0, 1e9, np.inf, np.nan]), np.array([3.0, 0.0, 2e9, 1.0, 1.0])
    assert distance(found, due, 4.0).tolist() == [0.5, 0.0, 0.5, np.inf, np.inf]
    assert distance(np.array([0.25]), np.array([0.5]), 1.0).tolist() == [0.25]


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_boosting_with_a_loss_that_the_converter_gets_wrong_is_refused_in_one_line(loss, table):
    fitted = fit(clone(BOOSTING).set_params(loss=loss), table, np.exp(delay(table) / 20))
    with pytest.raises(
        ValueError, match=f"HistGradientBoostingRegressor cannot become ONNX: with loss='{loss}'"
    ) as caught:
        export(fitted, table)
    assert "take squared_error" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_manifest_alone_says_how_to_answer(folder, table, answers):
    said = json.loads((folder / "manifest.json").read_text())["task"]
    assert said["kind"] == "number"
    assert said["unit"] == "min"
    assert said["conformal"] == {"level": 0.9, "half_width": answers.conformal.half_width}
    assert said.keys() == {"kind", "unit", "spread", "conformal"}
    artifact = load(folder)
    answer = artifact.model.answer(table)
    columns = {name: values.to_numpy() for name, values in artifact.manifest.task.columns(answer).items()}
    assert list(columns) == ["prediction", "low", "high"]
    np.testing.assert_array_equal(columns["prediction"], answer)
    np.testing.assert_allclose(columns["high"] - columns["low"], 2 * answers.conformal.half_width)
    assert asdict(artifact.manifest.task.calibrate) == {}


def test_golden_rows_hold_the_number_and_its_interval(folder, answers):
    golden = read_golden((folder / "golden.json").read_bytes(), load(folder).model.columns, answers)
    assert list(golden.beside) == ["low", "high"]
    assert len(golden.answer) > 200


@pytest.mark.parametrize("column", ["golden_prediction", "golden_low"])
def test_golden_rows_that_expect_another_number_are_refused(folder, column):
    content = json.loads((folder / "golden.json").read_text())
    content["columns"][column][17] += 0.01
    put(folder, "golden.json", json.dumps(content).encode())
    assert f"row 17 gives the {column.removeprefix('golden_')}" in refusal(folder)


def test_a_manifest_with_another_interval_or_of_another_kind_is_refused(folder):
    say(folder, lambda said: said["task"]["conformal"].update(half_width=3.0))
    assert "golden rows; row 0 gives the low" in refusal(folder)
    say(folder, lambda said: said["task"].update(threshold=0.5))
    assert "unknown key 'task.number.threshold': take it out" in refusal(folder)
    say(folder, lambda said: said.update(task=TASK.model_dump()))
    assert "its answers are of the kind number, not binary" in refusal(folder)


def with_a_second_target(model):
    attribute(model, "TreeEnsembleRegressor", "n_targets").i = 2


def with_weights_of_a_second_target(model):
    attribute(model, "TreeEnsembleRegressor", "target_ids").ints[0] = 1


def with_endless_weights(model):
    attribute(model, "TreeEnsembleRegressor", "target_weights").floats[0] = np.inf


def with_an_average(model):
    node(model, "TreeEnsembleRegressor").attribute.add(name="aggregate_function", s=b"AVERAGE", type=3)


def with_a_transform(model):
    attribute(model, "TreeEnsembleRegressor", "post_transform").s = b"PROBIT"


def with_another_output(model):
    node(model, "TreeEnsembleRegressor").output[0] = model.graph.output[0].name = "number"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (with_a_second_target, "must have n_targets of 1"),
        (with_weights_of_a_second_target, "has weights of an output that is none of 1"),
        (with_endless_weights, "has target_weights that are no numbers"),
        (with_an_average, "attribute 'aggregate_function' is not allowed on ai.onnx.ml.TreeEnsembleRegressor"),
        (with_a_transform, "must have post_transform of NONE"),
        (with_another_output, "its outputs must be one label, a whole number, and two probabilities"),
    ],
)
def test_a_file_of_a_number_built_to_harm_is_refused_for_what_is_in_it(folder, boosted, table, harm, words):
    put(folder, "model.onnx", rebuilt(export(boosted, table), harm))
    assert words in refusal(folder)


@pytest.mark.parametrize("name", ["coefficients", "intercepts"])
def test_a_line_with_another_number_of_weights_is_refused(table, name):
    content = export(fit(Ridge(), table, delay(table)), table)
    spoiled = rebuilt(content, lambda model: attribute(model, "LinearRegressor", name).floats.append(1.0))
    with pytest.raises(ValueError, match=f"LinearRegressor .* has . {name}, not "):
        read_graph(spoiled)


def test_a_target_that_never_varies_cannot_be_a_model(table, boosted):
    with pytest.raises(ValueError, match="spread"):
        MINUTES.answers(AsItIs(), MINUTES.conform(np.ones(50), np.ones(50), 0.9), np.ones(50), 0.5)


def test_probes_come_to_every_threshold_of_the_trees(asked):
    assert (asked[KIND] == "threshold").sum() > 100


def test_a_file_of_a_number_that_stands_alone_is_read(boosted, table, tmp_path):
    (tmp_path / "model.onnx").write_bytes(export(boosted, table))
    assert Model.load(tmp_path / "model.onnx").answer(table).shape == (600,)
    (tmp_path / "model.onnx").write_bytes(rebuilt(export(boosted, table), with_another_output))
    with pytest.raises(Refusal, match="its outputs must be"):
        Model.load(tmp_path / "model.onnx")


@bounded
@given(changes=disturbances)
def test_a_file_of_a_number_with_disturbed_parts_is_loaded_or_refused(files, changes):
    load_or_refuse(files, "model.onnx", disturbed(files["model.onnx"], changes))
