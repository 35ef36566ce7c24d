"""A small model and the folder that is made of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from recommit import Refusal
from recommit.artifact import golden, manifest, parity
from recommit.artifact.answers import BinaryAnswers
from recommit.artifact.calibration import Platt
from recommit.artifact.export import export
from recommit.artifact.files import sha256
from recommit.artifact.graph import read_graph
from recommit.artifact.load import load
from recommit.artifact.model import Model

LINE = Platt(0.8, -0.2)
TASK = BinaryAnswers.model_validate(
    {
        "outcomes": ["punctual", "late"],
        "calibration": vars(LINE),
        "conformal": {"level": 0.9, "quantile": 0.65},
        "threshold": 0.5,
    }
)


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """600 rows of two numbers, one with gaps, and a category."""
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(600, 2)).astype("float32")
    numbers[::7, 0] = np.nan
    frame = pd.DataFrame(numbers, columns=["wind", "rain"])
    return frame.assign(place=pd.Series(draw.choice(["a", "b", "c"], 600), dtype="str"))


@pytest.fixture(scope="session")
def boosted(table: pd.DataFrame) -> Pipeline:
    risk = np.sin(3 * table["wind"].fillna(1)) + table["rain"] ** 2 - (table["place"] == "a")
    late = (np.random.default_rng(1).normal(size=len(table)) < risk).astype("int64")
    codes = OrdinalEncoder(categories=[["a", "b", "c"]], handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("n", "passthrough", ["wind", "rain"]), ("c", codes, ["place"])])
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=20)).fit(table, late)


@pytest.fixture(scope="session")
def asked(boosted: Pipeline, table: pd.DataFrame) -> pd.DataFrame:
    return parity.answered(boosted, export(boosted, table), table, seed=1)


@pytest.fixture(scope="session")
def made(boosted: Pipeline, table: pd.DataFrame, asked: pd.DataFrame) -> dict[str, bytes]:
    """The three files of a sound model, by name."""
    content = LINE.into(export(boosted, table))
    model, graph = Model(content), read_graph(content)
    rows = golden.golden_bytes(golden.choose(asked, model, TASK, seed=1), model, TASK)
    said = {
        "format": 3, "name": "small", "problem": "is it late", "target": "late",
        "prediction": {"instant": "an hour before", "horizon_hours": 1.0},
        "fit": "boosting-all", "model": "boosting", "features": "all", "params": {"max_iter": 10},
        "inputs": manifest.inputs_of(model.columns, {"wind": "mph", "rain": "in", "place": "-"}, {"place": "abc"}),
        "task": TASK.model_dump(), "as_of": "2013-09-01", "trained_rows": 600, "trained_until": "2013-08-01",
        "parity": 1e-7,
        "hashes": {"model": sha256(content), "golden": sha256(rows), "train": "0" * 64, "lock": "1" * 64},
        "opsets": graph.opsets, "operators": list(graph.operators),
        "scores": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9, "level": 0.95}},
    }  # fmt: skip
    return {"model.onnx": content, "golden.json": rows, "manifest.json": sealed(said)}


@pytest.fixture
def folder(made: dict[str, bytes], tmp_path: Path) -> Path:
    """The folder of a sound model, which a test may spoil."""
    place = tmp_path / "model"
    place.mkdir()
    for name, content in made.items():
        (place / name).write_bytes(content)
    return place


def put(folder: Path, name: str, content: bytes) -> None:
    """Put a file into a model's folder, with the hash that makes it look right."""
    (folder / name).write_bytes(content)
    key = {"model.onnx": "model", "golden.json": "golden"}[name]
    say(folder, lambda said: said["hashes"].update({key: sha256(content)}))


def say(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what a folder's manifest says, as someone would make who also changes the hash."""
    said = json.loads((folder / "manifest.json").read_text())
    change(said)
    (folder / "manifest.json").write_bytes(sealed(said))


def sealed(said: dict[str, Any]) -> bytes:
    """A manifest.json that says so, with the hash that makes it look right if it is a manifest at all."""
    try:
        return manifest.manifest_bytes(
            manifest.manifest_of({name: value for name, value in said.items() if name != "sha256"}, Path())
        )
    except Refusal:
        return json.dumps(said).encode()


def refusal(folder: Path) -> str:
    """Why the model in a folder is not loaded: one line that names the folder."""
    with pytest.raises(Refusal) as caught:
        load(folder)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert str(folder) in text
    return text


def rebuilt(content: bytes, change: Callable[[Any], Any]) -> bytes:
    """A model file after a change to it as ONNX sees it."""
    model = onnx.load_model_from_string(content)
    change(model)
    return model.SerializeToString(deterministic=True)


def node(model: Any, operator: str) -> Any:
    """The first node with that operator."""
    return next(node for node in model.graph.node if node.op_type == operator)


def attribute(model: Any, operator: str, name: str) -> Any:
    """An attribute of the first node with that operator."""
    return next(one for one in node(model, operator).attribute if one.name == name)
