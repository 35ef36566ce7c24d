"""A model of several classes is a file that is checked, compared and loaded as one of a probability is."""

import json

import numpy as np
import pandas as pd
import pytest

from recommit.artifact import parity
from recommit.artifact.answers import ClassesAnswers
from recommit.artifact.calibration import Temperature
from recommit.artifact.export import export
from recommit.artifact.golden import choose, golden_bytes, read_golden
from recommit.artifact.graph import read_graph
from recommit.artifact.load import load
from recommit.artifact.manifest import describe, inputs_of
from recommit.artifact.model import Model
from recommit.artifact.write import write_model
from recommit.learning.models import MODELS, build
from recommit.task import Classes
from tests.recommit.artifact.conftest import TASK, attribute, node, put, rebuilt, refusal, say

NAMES = ("calm", "rough", "storm")
SEA = Classes(NAMES)
TREES = "TreeEnsembleClassifier"
AS_IT_IS = Temperature(1.0)


def sea(table: pd.DataFrame) -> np.ndarray:
    """How the sea is in each row of the table."""
    high = 2 * np.sin(3 * table["wind"].fillna(1)) + table["rain"] - (table["place"] == "a")
    noise = np.random.default_rng(1).normal(size=len(table))
    return np.array(NAMES, dtype=object)[np.digitize(high + noise, [-0.7, 1.0])]


def fit(name: str, table: pd.DataFrame):
    params = {"boosting": {"max_iter": 20}, "forest": {"n_estimators": 30}, "extra_trees": {"n_estimators": 30}}
    model = build(name, params.get(name, {}), list(table), {"place": ["a", "b", "c"]}, 0, "classes")
    return SEA.fit(model, table, sea(table))


@pytest.fixture(scope="module")
def boosted(table):
    return fit("boosting", table)


@pytest.fixture(scope="module")
def asked(boosted, table):
    return parity.answered(boosted, export(boosted, table), table, seed=1)


@pytest.fixture(scope="module")
def stated(boosted, table) -> ClassesAnswers:
    answer, truth = SEA.answer(boosted, table), sea(table)
    calibration = Temperature(1.3)
    return SEA.answers(calibration, SEA.conform(truth, calibration(answer), 0.9), truth, 0.5)


@pytest.fixture(scope="module")
def files(boosted, table, asked, stated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes") / "model"
    content = stated.calibrate.into(export(boosted, table))
    model = Model(content)
    about = {"fit": "boosting-all", "model": "boosting", "features": "all", "params": {}, "train": "0" * 64}
    described = describe(
        about | {"trained_rows": 600, "trained_until": "2013-08-01"},
        name="sea", problem="How is the sea?", target="sea", instant="an hour before", horizon_hours=1.0,
        as_of="2013-09-01",
        inputs=inputs_of(model.columns, {"wind": "mph", "rain": "in", "place": "-"}, {"place": "abc"}),
        task=stated, parity=parity.largest(parity.compare(model, asked, stated.calibrate)), scores={}, lock="1" * 64,
    )  # fmt: skip
    write_model(folder, content, golden_bytes(choose(asked, model, stated, 1), model, stated), described)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def folder(files, tmp_path):
    """The folder of that model, which a test may spoil."""
    place = tmp_path / "model"
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


@pytest.mark.parametrize("name", MODELS["classes"])
def test_each_model_says_in_its_file_what_scikit_learn_says_of_every_class(name, table):
    fitted = fit(name, table)
    content = export(fitted, table)
    graph = read_graph(content)
    assert (graph.kind, graph.width, export(fitted, table)) == ("classes", 3, content)
    found = parity.compare(Model(content), parity.answered(fitted, content, table, seed=1), AS_IT_IS)
    assert {one.kind for one in found} >= {"usual", "category", "missing", "unseen", "extreme"}
    assert [one for one in found if one.beyond] == []
    np.testing.assert_allclose(Model(content).answer(table), fitted.predict_proba(table), atol=1e-5)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_file_has_the_temperature_in_it(boosted, table, asked, temperature):
    calibration = Temperature(temperature)
    content = calibration.into(export(boosted, table))
    assert read_graph(content).calibration.temperature == pytest.approx(temperature, rel=1e-6)
    assert parity.largest(parity.compare(Model(content), asked, calibration)) < parity.TOLERANCE
    np.testing.assert_allclose(Model(content).answer(table).sum(axis=1), 1, atol=1e-6)


def test_a_row_has_the_same_bits_whatever_rows_come_with_it(folder, table):
    model = load(folder).model
    whole = model.answer(table)
    for rows in ([3], [3, 4, 5], list(range(37))):
        np.testing.assert_array_equal(model.answer(table.iloc[rows]), whole[rows])
    assert model.answer(table.head(0)).shape == (0, 3)


def test_a_difference_in_the_first_class_alone_is_seen(boosted, table, asked):
    def spoil(model):
        trees = node(model, TREES)
        lists = {one.name: one for one in trees.attribute}
        ids, weights = lists["class_ids"].ints, lists["class_weights"].floats
        weights[
            next(place for place, (of, weight) in enumerate(zip(ids, weights, strict=True)) if not of and weight)
        ] += 1

    found = parity.compare(Model(rebuilt(export(boosted, table), spoil)), asked, AS_IT_IS)
    assert sum(one.beyond for one in found) > 0


def test_the_manifest_alone_says_how_to_answer(folder, table, stated):
    said = json.loads((folder / "manifest.json").read_text())["task"]
    assert (said["kind"], said["classes"], said["calibration"]) == ("classes", list(NAMES), {"temperature": 1.3})
    artifact = load(folder)
    written = artifact.manifest.task.columns(artifact.model.answer(table))
    assert list(written) == ["prediction", *(f"probability_{name}" for name in NAMES), "set"]
    assert (np.array(written["prediction"].to_pylist()) == sea(table)).mean() > 0.6


def test_golden_rows_hold_all_probabilities_and_come_to_the_edges_of_sets(folder, stated):
    golden = read_golden((folder / "golden.json").read_bytes(), load(folder).model.columns, stated)
    assert golden.answer.shape[1] == 3
    assert list(golden.beside) == ["prediction", "set"]
    nearest = np.abs(golden.answer - stated.edges[0]).min(axis=0)
    assert (nearest < 0.02).all()


@pytest.mark.parametrize("column", [f"golden_probability_{name}" for name in NAMES])
def test_golden_rows_that_expect_another_probability_are_refused(folder, column):
    content = json.loads((folder / "golden.json").read_text())
    content["columns"][column][17] += 0.01
    put(folder, "golden.json", json.dumps(content).encode())
    assert "1 of " in refusal(folder)


def test_a_manifest_that_says_otherwise_is_refused(folder):
    sound = (folder / "manifest.json").read_bytes()
    for change, words in [
        (lambda task: task["conformal"].update(quantile=0.999), "gives the set"),
        (lambda task: task["calibration"].update(temperature=2.0), "its calibration has the temperature 1.3"),
        (lambda task: task.update(classes=["storm", "rough", "calm"]), "gives the probability_storm"),
        (lambda task: task.update(classes=[*NAMES, "ice"]), "its answers have 3 numbers, not 4"),
        (lambda task: task.update(classes=["calm", "rough", "Rough"]), "have one name"),
        (lambda task: task.update(classes=["calm", "rough"]), "task.classes.classes"),
    ]:
        say(folder, lambda said, change=change: change(said["task"]))
        assert words in refusal(folder)
        (folder / "manifest.json").write_bytes(sound)
    say(folder, lambda said: said.update(task=TASK.model_dump()))
    assert "its answers are of the kind classes, not binary" in refusal(folder)


def with_other_labels(model):
    attribute(model, TREES, "classlabels_int64s").ints[:] = [0, 2, 1]


def with_a_weight_of_a_fourth_class(model):
    attribute(model, TREES, "class_ids").ints[0] = 3


def with_another_transform(model):
    attribute(model, TREES, "post_transform").s = b"SOFTMAX_ZERO"


def with_two_bases(model):
    attribute(model, TREES, "base_values").floats.pop()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (with_other_labels, "must number its classes 0, 1, 2 and so on"),
        (with_a_weight_of_a_fourth_class, "has weights of an output that is none of 3"),
        (with_another_transform, "must have post_transform of NONE or LOGISTIC or SOFTMAX"),
        (with_two_bases, "has 2 base_values, not 3"),
    ],
)
def test_a_file_of_classes_built_to_harm_is_refused_for_what_is_in_it(folder, boosted, table, harm, words):
    put(folder, "model.onnx", rebuilt(export(boosted, table), harm))
    assert words in refusal(folder)


def test_a_line_with_too_few_coefficients_is_refused(table):
    content = export(fit("logistic", table), table)
    spoiled = rebuilt(content, lambda model: attribute(model, "LinearClassifier", "coefficients").floats.pop())
    with pytest.raises(ValueError, match=r"LinearClassifier .* coefficients, not "):
        read_graph(spoiled)
    spoiled = rebuilt(content, lambda model: setattr(attribute(model, "Normalizer", "norm"), "s", b"MAX"))
    with pytest.raises(ValueError, match=r"Normalizer .* must have norm of L1"):
        read_graph(spoiled)
