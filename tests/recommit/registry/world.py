"""A tiny project with a pipeline of two stages, a DVC remote and made-up model files, for tests of the registry."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DVC_YAML = """
stages:
  features:
    cmd: python src/toy/features.py
    deps: [src/toy/features.py]
    outs:
      - features.parquet
      - reports/evidence/features.json: {cache: false}
  select:
    cmd: cp trained/model.onnx trained/manifest.json trained/golden.json models/candidate/
    deps: [trained, features.parquet]
    outs: [models/candidate/model.onnx, models/candidate/manifest.json, models/candidate/golden.json]
  gate:
    cmd: python judge.py
    deps: [judge.py, models/candidate, models/champion, reports/evidence/features.json]
    outs:
      - reports/evidence/test.json: {cache: false}
      - models/decision.json: {cache: false}
artifacts:
  toy: {path: models/candidate, type: model, desc: A model for tests}
"""
FEATURES = """
import json, pathlib
names = ("wind", "delay")
pathlib.Path("features.parquet").write_text(" ".join(names))
about = {"description": "", "source": "rows", "unit": "-", "available": "with the row", "cost": "none", "owner": "us"}
features = [{"name": name, "kind": "number", **about} for name in names]
pathlib.Path("reports/evidence").mkdir(parents=True, exist_ok=True)
found = {"version": 1, "question": "Is it so?", "features": features}
pathlib.Path("reports/evidence/features.json").write_text(json.dumps(found))
"""
JUDGE = """
import hashlib, json, pathlib, random
md5 = lambda path: hashlib.md5(pathlib.Path(path).read_bytes()).hexdigest()
auc = lambda folder: json.loads(pathlib.Path(folder, "manifest.json").read_text())["scores"]["auc"]["value"]
candidate, champion = auc("models/candidate"), auc("models/champion")
interval = {"value": candidate, "low": candidate - 0.02, "high": candidate + 0.02, "level": 0.95}
as_of = json.loads(pathlib.Path("models/candidate/manifest.json").read_text())["as_of"]
starts, luck = f"{as_of[:5]}{int(as_of[5:7]) - 1:02}-01", random.Random(7)
losses = lambda: {"candidate": 1 - candidate + luck.gauss(0, 0.05), "champion": 1 - champion}
days = [{"block": f"{starts[:8]}{day:02}", "rows": 1, "losses": losses()} for day in range(1, 31)]
model = {"fit": "a-b", "model": "a", "features": "b", "params": {}, "task": {"kind": "binary"}, "as_of": as_of,
         "trained_rows": 9,
         "trained_until": f"{starts} 00:00:00+00:00", "parity": 0.0, "manifest": md5("models/candidate/manifest.json")}
test = {"version": 1, "metrics": {"candidate": {"auc": interval}},
        "candidate": {"md5": md5("models/candidate/model.onnx"), **model},
        "champion": {"md5": md5("models/champion/model.onnx"), **model},
        "period": {"starts": f"{starts} 00:00:00+00:00", "ends": f"{as_of} 00:00:00+00:00", "keys": f"keys {as_of}",
                   "blocks": 30, "rows": 30, "mean": 0.5},
        "loss": "log_loss", "scale": {"loss": 1.0, "answer": 1.0, "loss_in": "nats", "answer_in": "probability"},
        "differences": {"champion": {"log_loss": interval}}, "calibration": {"gap": interval, "error": interval},
        "coverage": {"level": 0.9, "overall": interval, "of": {"late": interval}, "size": {"share": interval}},
        "blocks": days}
pathlib.Path("reports/evidence").mkdir(parents=True, exist_ok=True)
pathlib.Path("reports/evidence/test.json").write_text(json.dumps(test))
answer = "yes" if candidate > champion else "no"
rule = {"rule": "not_worse_than_champion", "value": candidate - champion, "low": None, "high": None, "bound": 0.0,
        "passes_when": "above 0",
        "answer": answer, "reason": "candidate less champion", "accepted": [], "open": []}
decision = {"version": 1, "answer": answer, "candidate": md5("models/candidate/model.onnx"),
            "manifest": md5("models/candidate/manifest.json"),
            "champion": md5("models/champion/model.onnx"), "rules": [rule], "unused": [],
            "evidence": {name: md5(f"reports/evidence/{name}") for name in ("features.json", "test.json")}}
pathlib.Path("models/decision.json").write_text(json.dumps(decision))
"""


def model_files(folder: Path, mark: str, auc: float, as_of: str = "2013-09-01") -> None:
    """Files of a model that can be told from others by `mark`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_text(f"model {mark}")
    score = {"value": auc, "low": auc - 0.05, "high": auc + 0.05, "level": 0.95}
    inputs = [{"name": name} for name in ("wind", "delay")]
    manifest = {"name": "toy", "as_of": as_of, "scores": {"auc": score}, "inputs": inputs}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "golden.json").write_text(f"rows {mark}")


def plain_manifest(folder: Path) -> Any:
    """The manifest of made-up files, which no real loading would take; broken ones are refused as loading does."""
    from recommit import Refusal

    if not (folder / "model.onnx").read_text().startswith("model "):
        raise Refusal(f"{folder}: the model is broken")
    manifest = json.loads((folder / "manifest.json").read_text())
    return SimpleNamespace(**manifest | {"inputs": [SimpleNamespace(**column) for column in manifest["inputs"]]})


@dataclass(frozen=True)
class World:
    folder: Path

    def run(self, *words: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
        env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "GIT_CONFIG_GLOBAL": os.devnull, **more}
        result = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True, timeout=120)
        assert not check or result.returncode == 0, f"{words}:\n{result.stdout}\n{result.stderr}"
        return result

    def git(self, *words: str) -> str:
        return self.run("git", *words).stdout.strip()

    def commit(self, message: str = "change") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def train(self, mark: str, auc: float, as_of: str = "2013-09-01") -> str:
        """A new candidate through the pipeline, committed."""
        model_files(self.folder / "trained", mark, auc, as_of)
        self.run("dvc", "repro", "--quiet")
        return self.commit(f"candidate {mark}")

    def model(self, folder: str) -> str:
        return (self.folder / folder / "model.onnx").read_text()

    def tags(self) -> list[str]:
        return self.git("tag").split()

    def remake(self, tag: str, commit: str, old: str = "", new: str = "") -> None:
        """Put a tag somewhere else, or change a word of its message, as one would who does not want it to show."""
        message = self.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}")
        self.git("tag", "--force", "-a", tag, "-m", message.replace(old, new) if old else message, commit)

    def state(self) -> tuple[str, str, str, str]:
        """All that a refused command must leave as it was."""
        champion = {
            path.name: path.read_bytes() for path in sorted((self.folder / "models").rglob("*")) if path.is_file()
        }
        return self.git("rev-parse", "HEAD"), self.git("tag"), self.git("status", "--porcelain"), repr(champion)

    def copy(self, to: Path) -> "World":
        shutil.copytree(self.folder, to, symlinks=True)
        return World(to)


def new_world(folder: Path, model_of: Callable[[Path, str, float, str], None] = model_files) -> World:
    """The project with a first candidate that is better than its champion, committed; `model_of` writes its models."""
    folder.mkdir(parents=True)
    world = World(folder)
    world.git("init", "--quiet", "--initial-branch=main")
    world.git("config", "user.name", "Ana")
    world.git("config", "user.email", "ana@example.org")
    world.run("dvc", "init", "--quiet")
    for key, value in (("core.analytics", "false"), ("core.site_cache_dir", str(folder / ".dvc/tmp/site"))):
        world.run("dvc", "config", *(["--local"] if "site" in key else []), key, value)
    world.run("dvc", "remote", "add", "--quiet", "--default", "shared", "../../remote")
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "judge.py").write_text(JUDGE)
    (folder / "src/toy").mkdir(parents=True)
    (folder / "src/toy/features.py").write_text(FEATURES)
    (folder / ".gitignore").write_text(".recommit/\n")
    (folder / "models/candidate").mkdir(parents=True)
    model_of(folder / "models/champion", "baseline", 0.5, "2013-08-01")
    model_of(folder / "trained", "one", 0.7, "2013-09-01")
    world.run("dvc", "repro", "--quiet")
    world.commit("candidate one")
    return world
