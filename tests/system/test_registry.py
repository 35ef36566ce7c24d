"""A model's life: trained, promoted, challenged, replaced, brought back; a production machine only pulls."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recommit.artifact.answers import BinaryAnswers
from recommit.artifact.export import export
from recommit.artifact.files import sha256
from recommit.artifact.golden import choose, golden_bytes
from recommit.artifact.graph import read_graph
from recommit.artifact.load import load
from recommit.artifact.manifest import Manifest, write_manifest
from recommit.artifact.model import Model
from recommit.artifact.probes import probes
from recommit.registry.history import read_registry
from recommit.registry.resolve import resolve
from tests.recommit.registry.world import World, new_world
from tests.system.begun import Begun

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def rows(count: int) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    return pd.DataFrame({name: draw.normal(size=count).astype("float32") for name in ("wind", "delay")})


def train(folder: Path, auc: float, as_of: str) -> None:
    """A real model's three files; how good it says it is, is made up."""
    frame = rows(500)
    scaled = make_column_transformer((StandardScaler(), list(frame.columns)))
    estimator = make_pipeline(scaled, LogisticRegression(C=auc)).fit(frame, frame["delay"] + frame["wind"] * auc > 0)
    content = export(estimator, frame)
    said = {"outcomes": ["punctual", "late"], "threshold": 0.5, "conformal": {"level": 0.9, "quantile": 0.8}}
    task = BinaryAnswers.model_validate(said | {"calibration": {"slope": 1.0, "intercept": 0.0}})
    model, graph = Model(content), read_graph(content)
    golden = golden_bytes(choose(probes(content, frame, 7), model, task, 7), model, task)
    manifest = {
        "format": 3, "name": "toy", "problem": "is it late?", "target": "late",
        "prediction": {"instant": "2 hours before departure", "horizon_hours": 2.0},
        "fit": "logistic-full", "model": "logistic", "features": "full", "params": {"C": auc},
        "inputs": [{"name": name, "type": "number", "unit": "m/s", "values": None} for name in model.columns],
        "task": task.model_dump(), "as_of": as_of, "trained_rows": 500, "trained_until": as_of, "parity": 0.0,
        "hashes": {"model": sha256(content), "golden": sha256(golden), "train": "0" * 64, "lock": "0" * 64},
        "opsets": graph.opsets, "operators": list(graph.operators),
        "scores": {"auc": {"value": auc, "low": auc - 0.05, "high": auc + 0.05, "level": 0.95}},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    (folder / "golden.json").write_bytes(golden)
    write_manifest(folder / "manifest.json", Manifest.model_validate(manifest))


def to_publish(said: str) -> list[list[str]]:
    """The commands that a promotion printed, by which it is published."""
    return [line.split() for line in said.partition("to publish it, the files first:\n")[2].splitlines()]


class Life(World):
    """The project of one who trains, with real models; `recommit` is the checkout's own."""

    def recommit(self, *words: str, status: int = 0) -> str:
        program = "from recommit.cli import main; main()"
        result = self.run("python", "-c", program, *words, check=False, PYTHONPATH=str(ROOT / "src"))
        assert result.returncode == status, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result.stdout + result.stderr

    def candidate(self, auc: float, as_of: str) -> None:
        train(self.folder / "trained", auc, as_of)
        self.run("dvc", "repro", "--quiet")
        self.commit(f"the model of {as_of}")

    def publish(self, said: str) -> None:
        """Run the commands that a promotion printed."""
        for command in to_publish(said):
            self.run(*command)

    def served(self) -> str:
        """On the production machine: pull, and load what has the stage prod; the clock of it."""
        self.git("pull", "--quiet", "--tags")
        artifact = load(resolve(self.folder, "toy@prod"))
        assert np.isfinite(artifact.model.answer(rows(3))).all()
        return artifact.manifest.as_of


@pytest.fixture
def life(tmp_path: Path) -> Life:
    world = new_world(tmp_path / "home" / "toy", model_of=lambda folder, _, auc, as_of: train(folder, auc, as_of))
    world.git("init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "origin.git"))
    world.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    world.git("push", "--quiet", "--set-upstream", "origin", "main")
    world.run("dvc", "remote", "modify", "--quiet", "shared", "url", str(tmp_path / "remote"))
    world.commit("where files are shared")
    return Life(world.folder)


def test_train_promote_refuse_a_worse_promote_a_better_roll_back(life: Life, tmp_path: Path) -> None:
    life.candidate(0.7, "2013-09-01")
    said = life.recommit("promote", "--reason", "the first")
    assert "toy v1.0.0 is prod now" in said
    assert "dvc push\n  git push --atomic origin HEAD refs/tags/toy@v1.0.0 refs/tags/toy#prod#1" in said
    life.publish(said)
    life.git("clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "production"))
    production = Life(tmp_path / "production")
    production.run("dvc", "config", "--local", "core.site_cache_dir", str(tmp_path / "site"))
    assert production.served() == "2013-09-01"

    life.candidate(0.6, "2013-10-01")
    before = life.state()
    assert "not promoted: the gate says no, rule not_worse_than_champion" in life.recommit("promote", status=1)
    assert life.state() == before
    life.git("push", "--quiet")
    assert production.served() == "2013-09-01"

    life.candidate(0.8, "2013-11-01")
    said = life.recommit("promote")
    assert "toy v2.0.0 is prod now, in place of v1.0.0" in said
    assert "nothing to do" in life.recommit("promote")
    life.publish(said)
    assert production.served() == "2013-11-01"

    (life.folder / "models/champion/model.onnx").write_bytes(b"broken")
    for path in life.folder.glob(".dvc/cache/files/md5/*/*"):
        path.unlink()
    started = time.monotonic()
    said = life.recommit("rollback", "--reason", "it is wrong at night")
    assert "toy v1.0.0 is prod now, in place of v2.0.0" in said
    print(f"rolled back in {time.monotonic() - started:.1f} s, files from the remote")
    life.publish(said)
    assert production.served() == "2013-09-01"
    production.run("dvc", "pull", "--quiet", "models/champion.dvc")
    assert load(production.folder / "models/champion").manifest.as_of == "2013-09-01"

    listed = json.loads(production.recommit("models", "--json"))
    assert [(row["version"], row["stages"]) for row in listed["versions"]] == [("v1.0.0", ["prod"]), ("v2.0.0", [])]
    assert listed["problems"] == []
    assert read_registry(life.folder).holder("prod") == "v1.0.0"
    life.recommit("rollback", status=2)


@pytest.mark.all
def test_the_projects_own_gate_refuses_a_worse_candidate_and_production_only_pulls(own: Begun, tmp_path: Path) -> None:
    own.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "origin.git"))
    own.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    own.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    own.run("dvc", "remote", "add", "--quiet", "--default", "shared", str(tmp_path / "remote"))
    own.commit("where files are shared")
    rules = own.json("models/decision.json")["rules"]
    refused = [rule["rule"] for rule in rules if rule["answer"] == "no" or rule["open"]]
    if refused:  # so few rows may be too few for the gate
        said = own.run("recommit", "promote", check=False)
        assert said.returncode == 1
        assert all(f"rule {name}" in said.stderr for name in refused)
    said = own.run("recommit", "promote", *(("--force", "--reason", "a small table") if refused else ()))
    (version,) = json.loads(own.run("recommit", "models", "--json").stdout)["versions"]
    assert (version["version"], version["stages"], version["forced"]) == ("v1.0.0", ["prod"], bool(refused))
    assert version["metrics"]["auc"]["low"] < version["metrics"]["auc"]["value"] < version["metrics"]["auc"]["high"]
    for command in to_publish(said.stdout):
        own.run(*command)

    own.run("git", "clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "production"))
    production = Begun(tmp_path / "production", own.programs)
    production.configure()
    upcoming, predictions = "data/features/upcoming.parquet", tmp_path / "predicted.parquet"
    production.run("dvc", "pull", "--quiet", upcoming)
    production.run("recommit", "predict", "--model", "bikes@prod", "--input", upcoming, "--output", str(predictions))
    predicted = pd.read_parquet(predictions)
    assert len(predicted) == len(pd.read_parquet(production.folder / upcoming))
    assert set(predicted["version"]) == {"v1.0.0"}

    select = own.folder / "notebooks/select.ipynb"
    right, wrong = "calibration = task.uncalibrated if", "calibration = type(task.uncalibrated)(0.1, -2.0)  # "
    assert right in select.read_text()
    select.write_text(select.read_text().replace(right, wrong))
    own.run("recommit", "repro")
    own.commit("far too low and all alike")
    said = own.run("recommit", "promote", check=False)
    assert said.returncode == 1
    assert "rule not_worse_than_champion:" in said.stderr

    own.run("git", "revert", "--no-edit", "HEAD")
    own.run("dvc", "checkout", "--quiet")
    own.run("recommit", "repro")
    decision = own.json("models/decision.json")
    assert decision["champion"] == decision["candidate"]
    assert "not_the_champion" in [rule["rule"] for rule in decision["rules"] if rule["answer"] == "no"]
