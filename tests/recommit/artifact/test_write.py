"""A model's folder is written whole, the same bytes each time, or not at all."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recommit import Refusal
from recommit.artifact.export import export
from recommit.artifact.golden import golden_bytes
from recommit.artifact.load import load
from recommit.artifact.manifest import about, describe, inputs_of
from recommit.artifact.model import Model
from recommit.artifact.write import write_model
from tests.recommit.artifact.conftest import TASK, node, rebuilt, refusal


@pytest.fixture
def said(made):
    found = json.loads(made["manifest.json"])
    return {name: value for name, value in found.items() if name not in ("format", "opsets", "operators", "sha256")}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_is_written_the_same_each_time_and_can_be_loaded(made, said, tmp_path):
    for name in ("one", "two"):
        written = write_model(tmp_path / name, made["model.onnx"], made["golden.json"], said)
        assert written.manifest == load(tmp_path / name).manifest
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one").keys() == {"model.onnx", "golden.json", "manifest.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    assert about(written.manifest)["fit"] == "boosting-all"
    assert "inputs" not in about(written.manifest)


def test_a_model_that_would_not_be_loaded_is_refused_by_name_and_leaves_what_was_there(made, said, tmp_path):
    folder = tmp_path / "candidate"
    write_model(folder, made["model.onnx"], made["golden.json"], said)
    before = files(folder)
    odd = rebuilt(made["model.onnx"], lambda model: setattr(node(model, "Sigmoid"), "op_type", "Tanh"))
    with pytest.raises(Refusal, match=r"^boosting-all cannot be the candidate: it uses the operator 'Tanh'"):
        write_model(folder, odd, made["golden.json"], said)
    with pytest.raises(Refusal, match=r"^boosting-all cannot be the candidate: golden.json is not loaded: it is"):
        write_model(folder, made["model.onnx"], made["golden.json"][:-9], said)
    with pytest.raises(Refusal, match=r"boosting-all cannot be the candidate: manifest.json: 'parity' is 2.0"):
        write_model(folder, made["model.onnx"], made["golden.json"], said | {"parity": 2.0})
    assert files(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]


def test_what_is_described_and_read_off_the_files_is_a_manifest(made, tmp_path):
    fit = {"fit": "boosting-all", "model": "boosting", "features": "all", "params": {"max_iter": 10}, "train": "0" * 64}
    fit |= {"trained_rows": 600, "trained_until": "2013-08-01", "another": "is left out"}
    inputs = inputs_of(
        {"wind": "number", "rain": "number", "place": "text"},
        {"wind": "mph", "rain": "in", "place": "-"},
        {"place": "abc"},
    )
    described = describe(
        fit,
        name="small", problem="is it late", target="late", instant="an hour before", horizon_hours=1.0,
        as_of="2013-09-01", inputs=inputs, task=TASK,
        parity=1e-7, scores={"auc": {"value": 0.8, "low": 0.7, "high": 0.9, "level": 0.95}}, lock="1" * 64,
    )  # fmt: skip
    write_model(tmp_path / "model", made["model.onnx"], made["golden.json"], described)
    written = json.loads((tmp_path / "model/manifest.json").read_text())
    assert written == json.loads(made["manifest.json"])


def test_rows_without_a_time_and_numbers_that_could_not_be_measured_are_in_a_manifest_too(made, said, tmp_path):
    fit = said | {"train": "0" * 64, "trained_until": None}
    endless = {"value": 0.8, "low": -math.inf, "high": 0.9, "level": 0.95}
    described = describe(
        fit,
        name="small", problem="is it late", target="late", instant="when asked", horizon_hours=0, as_of=None,
        inputs=said["inputs"], task=TASK, parity=1e-7, lock="1" * 64,
        scores={"auc": endless, "brier": dict.fromkeys(("value", "low", "high"), math.nan) | {"level": 0.95}},
    )  # fmt: skip
    manifest = write_model(tmp_path / "model", made["model.onnx"], made["golden.json"], described).manifest
    assert (manifest.as_of, manifest.trained_until) == (None, None)
    assert {name: (one.value, one.low, one.high) for name, one in manifest.scores.items()} == {"auc": (0.8, None, 0.9)}


@pytest.mark.parametrize("before", [True, False], ids=["over another", "the first"])
@pytest.mark.parametrize("written", [0, 1, 2])
def test_what_is_left_when_killed_in_between_is_the_old_model_or_not_loaded(
    made, said, tmp_path, monkeypatch, before, written
):
    folder, real, done = tmp_path / "candidate", Path.replace, []
    if before:
        write_model(folder, made["model.onnx"], made["golden.json"], said)
    content = rebuilt(made["model.onnx"], lambda model: setattr(model, "doc_string", "the next"))
    rows = pd.DataFrame(json.loads(made["golden.json"])["columns"]).head(50)
    golden = golden_bytes(rows, Model(content), TASK)

    def killed(file, target):
        if Path(target).parent == folder:
            if len(done) == written:
                raise KeyboardInterrupt
            done.append(target)
        return real(file, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_model(folder, content, golden, said)
    if before and not written:
        assert load(folder).content == made["model.onnx"]
    else:
        assert "is not the file that" in refusal(folder) or "manifest.json is missing" in refusal(folder)
    write_model(folder, content, golden, said)
    assert load(folder).content == content


def test_a_kind_of_model_that_cannot_be_exported_is_named_with_the_reason(table):
    rows = table[["rain"]]
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(rows, (rows["rain"] > 0).astype(int))
    with pytest.raises(ValueError, match=r"KNeighborsClassifier cannot become ONNX: .*") as caught:
        export(neighbours, rows)
    assert "which" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
