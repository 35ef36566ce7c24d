"""A model file is the same bytes each time, stands alone and predicts what the model did."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from recommit import Refusal
from recommit.artifact.calibration import Platt
from recommit.artifact.export import export
from recommit.artifact.graph import read_graph
from recommit.artifact.model import Model
from tests.recommit.artifact.conftest import node, rebuilt

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return rows()


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> Pipeline:
    return fit(frame)


def rows() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    number = draw.normal(size=500).astype("float32")
    number[::7] = np.nan
    return pd.DataFrame({"number": number, "kind": draw.choice(["a", "b"], 500)}).astype({"kind": "str"})


def fit(frame: pd.DataFrame) -> Pipeline:
    truth = (frame["number"].fillna(0) > 0.3) ^ (frame["kind"] == "a")
    one_hot = OneHotEncoder(categories=[["a", "b"]], dtype=np.float32, sparse_output=False)
    columns = ColumnTransformer([("number", "passthrough", ["number"]), ("kind", one_hot, ["kind"])])
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=20)).fit(frame, truth)


def test_the_file_is_the_same_each_time_whatever_the_rows(fitted, frame):
    assert export(fitted, frame) == export(fitted, frame.iloc[:1])


def test_the_file_is_the_same_when_the_model_is_fitted_again_in_another_process(fitted, frame):
    code = (
        "import sys; from tests.recommit.artifact.test_model_file import export, fit, rows; "
        "sys.stdout.buffer.write(export(fit(rows()), rows()))"
    )
    for seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        }
        again = subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE)
        assert again.stdout == export(fitted, frame)


def test_the_file_predicts_what_the_model_did(fitted, frame, tmp_path):
    (tmp_path / "model.onnx").write_bytes(export(fitted, frame))
    model = Model.load(tmp_path / "model.onnx")
    probability = model.answer(frame)
    assert probability.shape == (500,)
    assert probability.dtype == np.float64
    np.testing.assert_allclose(probability, fitted.predict_proba(frame)[:, 1], atol=1e-6)


def test_one_row_is_scored_as_in_a_batch(fitted, frame):
    model = Model(export(fitted, frame))
    batch = model.answer(frame)
    assert [model.answer(frame.iloc[[i]])[0] for i in range(10)] == batch[:10].tolist()


def test_values_on_either_side_of_every_threshold_take_the_same_branch(fitted, frame):
    splits = {node[3] for trees in fitted[-1]._predictors for node in trees[0].nodes if not node["is_leaf"]}
    at = np.array(sorted(splits), dtype="float32")
    near = np.unique(np.concatenate([at, np.nextafter(at, np.float32(9)), np.nextafter(at, np.float32(-9))]))
    edge = pd.DataFrame({"number": near, "kind": "a"}).astype({"kind": "str"})
    model = Model(export(fitted, frame))
    np.testing.assert_allclose(model.answer(edge), fitted.predict_proba(edge)[:, 1], atol=1e-6)


def test_neighbouring_values_are_told_apart_as_in_the_model():
    low = np.random.default_rng(0).uniform(1, 2, 40).astype("float32")
    pairs = np.concatenate([low, np.nextafter(low, np.float32(9))])
    frame = pd.DataFrame({"number": np.repeat(pairs, 50)})
    upper = np.repeat([False, True], 40 * 50)
    model = HistGradientBoostingClassifier(max_iter=200, min_samples_leaf=5, max_leaf_nodes=None).fit(frame, upper)
    expected = model.predict_proba(frame)[:, 1]
    assert ((expected > 0.5) == upper).all()
    np.testing.assert_allclose(Model(export(model, frame)).answer(frame), expected, atol=1e-6)
    np.testing.assert_array_equal(model.predict_proba(frame)[:, 1], expected)


def test_a_calibrated_file_predicts_the_calibrated_probabilities(fitted, frame):
    plain, line = export(fitted, frame), Platt(0.7, -0.3)
    content = line.into(plain)
    expected = line(Model(plain).answer(frame))
    np.testing.assert_allclose(Model(content).answer(frame), expected, atol=1e-6)
    assert line.into(plain) == content
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def test_columns_are_read_by_name_and_others_left_alone(fitted, frame):
    model = Model(export(fitted, frame))
    assert model.columns == {"number": "number", "kind": "text"}
    turned = frame[["kind", "number"]].assign(other=object())
    assert (model.answer(turned) == model.answer(frame)).all()
    assert model.answer(frame.iloc[:0]).shape == (0,)
    with pytest.raises(ValueError, match="needs the columns kind"):
        model.answer(frame[["number"]])


def test_columns_keep_their_names_whatever_signs_are_in_them():
    names = ["IQ.verb", "IQ_verb", "IQ verb", "value (gulden)", "a%b", "a/b", "ses:1", "[m]", "größe", "1st", 'a"b']
    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.normal(size=(300, len(names))).astype("float32"), columns=names)
    came = table["IQ.verb"] + 2 * table["IQ_verb"] - table["IQ verb"] + draw.normal(size=300) > 0
    columns = ColumnTransformer([("all", "passthrough", names)])
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=5)).fit(table, came)
    content = export(model, table)
    assert list(read_graph(content).inputs) == names
    np.testing.assert_allclose(Model(content).answer(table[names[::-1]]), model.predict_proba(table)[:, 1], atol=1e-6)


@pytest.mark.parametrize("name", ["label", "probabilities", "variable", "uncalibrated", "golden_row", "calibration_a"])
def test_a_column_with_a_name_that_the_file_keeps_is_refused_in_one_line(name):
    table = pd.DataFrame({"a": [0.0, 1.0] * 50, name: [0.0, 2.0] * 50}, dtype="float32")
    model = HistGradientBoostingClassifier(max_iter=1).fit(table, table["a"] > 0)
    with pytest.raises(ValueError, match=f"the column {name} has a name that a model file keeps for itself"):
        export(model, table)


def test_the_file_refers_to_no_other_file(fitted, frame):
    graph = onnx.load_from_string(export(fitted, frame)).graph
    assert not any(weights.external_data for weights in graph.initializer)


def test_what_cannot_be_a_model_file_is_refused_in_one_line(fitted, frame):
    with pytest.raises(ValueError, match="column number is float64: a model takes float32 and text"):
        export(fitted, frame.astype({"number": "float64"}))
    with pytest.raises(ValueError, match="DummyClassifier cannot become ONNX") as caught:
        export(DummyClassifier().fit(frame, [0, 1] * 250), frame)
    assert "\n" not in str(caught.value)


def test_a_file_that_stands_alone_is_checked_before_it_is_loaded(fitted, frame, tmp_path):
    file = tmp_path / "model.onnx"
    odd = rebuilt(export(fitted, frame), lambda model: setattr(node(model, "Concat"), "op_type", "Tanh"))
    spoiled = {b"not a model": "model holds", odd: "it uses the operator 'Tanh'", b"": "ir_version"}
    for content, words in spoiled.items():
        file.write_bytes(content)
        with pytest.raises(Refusal, match=words) as caught:
            Model.load(file)
        assert str(caught.value).startswith(f"{file} is not loaded: ")
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(Refusal, match=r"absent\.onnx is missing"):
        Model.load(tmp_path / "absent.onnx")
    (tmp_path / "link.onnx").symlink_to(file)
    with pytest.raises(Refusal, match=r"link\.onnx is a link"):
        Model.load(tmp_path / "link.onnx")


def test_nothing_is_collected_about_who_reads_a_model(fitted, frame, tmp_path):
    (tmp_path / "model.onnx").write_bytes(export(fitted, frame))
    code = (
        "import sys; from pathlib import Path; from recommit.artifact.model import Model; Model.load(Path(sys.argv[1]))"
    )
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-c", code, str(tmp_path / "model.onnx")]
    subprocess.run(command, env=os.environ | {"HOME": str(home)}, check=True)
    assert list(home.rglob("*")) == []
