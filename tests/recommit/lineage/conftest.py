"""A made-up project, written down as DVC and GTO would have: nothing runs."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from recommit.project.hashes import md5_of, md5_of_folder
from recommit.registry.entry import StageEntry, VersionEntry
from recommit.registry.files import hashes
from recommit.registry.history import Registry, read_registry
from recommit.registry.transaction import New, commit_change

DATE = "2026-03-04T05:06:07+00:00"
PIPELINE = """
artifacts:
  shop: {path: models/candidate, type: model}
stages:
  ingest:
    desc: Read the raw orders
    cmd: recommit run notebooks/ingest.ipynb
    params: [seed]
    deps: [notebooks/ingest.ipynb, src/shop, locks/run.txt]
    outs: [data/raw/orders.parquet, data/raw/extra]
  features:
    desc: Compute the features of every order
    cmd: recommit run notebooks/features.ipynb
    params: [horizon_hours]
    deps: [notebooks/features.ipynb, data/raw/orders.parquet, src/shop]
    outs: [data/features/train.parquet, data/features/upcoming.parquet]
  train:
    desc: Fit one model
    matrix: {model: [mean, tree]}
    cmd: recommit run notebooks/train.ipynb
    params: [seed, "models.${item.model}"]
    deps: [notebooks/train.ipynb, data/features/train.parquet]
    outs: ["models/fits/${item.model}.onnx"]
    metrics: ["reports/metrics/train/${item.model}.json"]
  select:
    desc: Choose the candidate
    cmd: recommit run notebooks/select.ipynb
    deps: [notebooks/select.ipynb, models/fits]
    outs: [models/candidate/model.onnx, models/candidate/manifest.json, models/candidate/golden.json]
    plots: [reports/figures/folds.png]
  predict:
    desc: Score the month ahead with the champion
    cmd: recommit run notebooks/predict.ipynb
    deps: [notebooks/predict.ipynb, data/features/upcoming.parquet, models/champion]
    outs: [data/predictions/upcoming.parquet]
  compare:
    desc: Score the month ahead with the candidate
    cmd: recommit run notebooks/compare.ipynb
    deps: [notebooks/compare.ipynb, data/features/upcoming.parquet, models/candidate]
    outs: [data/predictions/candidate.parquet]
  judge:
    desc: Join predictions with what happened
    cmd: recommit run notebooks/judge.ipynb
    deps: [notebooks/judge.ipynb, data/predictions/upcoming.parquet, data/raw/orders.parquet]
    metrics: [reports/metrics/outcome.json]
"""
PARAMS = {"seed": 7, "horizon_hours": 2, "models": {"mean": {}, "tree": {"depth": 3}}, "unused": 1}
PROJECT = """
[project]
name = "shop"
license = "MIT"
dependencies = ["pandas>=3", "shop-data==1.2"]
"""
LOCK = f"""\
colorama==0.4 \\
    --hash=sha256:{"c" * 64}
dvc==3.67.1 \\
    --hash=sha256:{"d" * 64}
pandas==3.1.0 \\
    --hash=sha256:{"e" * 64}
shop-data==1.2 \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
"""
SOURCES = 'import pandas\n\nPACKAGE, COLOUR, FRAME = "shop_data", "colorama", "pandas"\n'


@dataclass
class Shop:
    """The project in a repository of its own."""

    folder: Path

    def git(self, *words: str, date: str = DATE) -> str:
        env = os.environ | {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date, "GIT_CONFIG_GLOBAL": os.devnull}
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.folder, env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, name: str, content: bytes | str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str = "its results") -> str:
        """Write dvc.lock for what is there, keep what DVC would keep, and commit."""
        self.lock()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def lock(self) -> None:
        declared = yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"]
        params = yaml.safe_load((self.folder / "params.yaml").read_text())
        stages = {}
        for name, entry in declared.items():
            for model in (entry.get("matrix") or {"model": [None]})["model"]:
                text = json.dumps(entry).replace("${item.model}", str(model))
                stages[f"{name}@{model}" if model else name] = self._locked(json.loads(text), params)
        self.write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))

    def _locked(self, entry: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        def value(key: str) -> Any:
            found = params
            for part in key.split("."):
                found = found[part]
            return found

        outs = [out for section in ("outs", "metrics", "plots") for out in entry.get(section, [])]
        locked = {
            "cmd": entry["cmd"],
            "deps": [{"path": dep, "hash": "md5", "md5": self.md5(dep)} for dep in entry["deps"]],
            "outs": [{"path": out, "hash": "md5", "md5": self.md5(out)} for out in outs],
        }
        if entry.get("params"):
            locked["params"] = {"params.yaml": {key: value(key) for key in entry["params"]}}
        for out in outs:
            self.keep(out)
        return locked

    def md5(self, name: str) -> str:
        path = self.folder / name
        if path.is_file():
            return md5_of(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return md5_of_folder({file.relative_to(path).as_posix(): md5_of(file) for file in files})

    def keep(self, name: str) -> None:
        """Put an out into DVC's cache, as DVC does."""
        path = self.folder / name
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            self.cached(md5_of(file)).write_bytes(file.read_bytes())
        if path.is_dir():
            rows = [{"md5": md5_of(file), "relpath": file.relative_to(path).as_posix()} for file in files]
            self.cached(self.md5(name)).write_text(json.dumps(rows, sort_keys=True))

    def cached(self, md5: str) -> Path:
        place = self.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def model(self, folder: str, content: bytes) -> None:
        self.write(f"{folder}/model.onnx", content)
        self.write(f"{folder}/manifest.json", json.dumps({"hashes": {"model": hashlib.sha256(content).hexdigest()}}))
        self.write(f"{folder}/golden.json", b"rows")

    def table(self, name: str, **columns: list[Any]) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns).to_parquet(self.folder / name, index=False)

    def registry(self) -> Registry:
        return read_registry(self.folder)

    def tag(self, ref: str, commit: str = "HEAD", message: str = "by hand") -> None:
        """Make or move a tag, a second after every other: GTO and the registry order them by whole seconds."""
        made = self.git("for-each-ref", "--format=%(creatordate:unix)", "refs/tags").split()
        date = f"@{max(map(int, made), default=1_800_000_000) + 1} +0000"
        words = ["--annotate", "--force", "--cleanup=verbatim", "--message", message]
        self.git("tag", *words, ref, f"{commit}^{{commit}}", date=date)

    def promote(self, version: str, commit: str = "HEAD") -> None:
        """What `recommit promote` does to Git and to models/champion."""
        found = self.registry()
        files = hashes(self.folder / "models/candidate")
        about = {
            "name": found.name,
            "version": version,
            "commit": self.git("rev-parse", commit),
        }
        about |= {"who": "Ada", "when": DATE, "why": "", "forced": False, "overruled": ()}
        record = VersionEntry(
            **about, files=files, lock=self.md5("dvc.lock"), decision="none", evidence=None,
            as_of="2026-03-04", measured="test", metrics={},
        )  # fmt: skip
        given = StageEntry(**about, stage="prod", how="promote", replaced=None)
        tags = (
            New(f"{found.name}@{version}", "promoted", record),
            New(f"{found.name}#prod#{found.next_number()}", "promoted", given),
        )
        commit_change(self.folder, tags, found.tags, champion=None)
        shutil.rmtree(self.folder / "models/champion", ignore_errors=True)
        shutil.copytree(self.folder / "models/candidate", self.folder / "models/champion")
        self.keep("models/champion")
        out = {"outs": [{"md5": self.md5("models/champion"), "hash": "md5", "path": "champion"}]}
        self.write("models/champion.dvc", yaml.safe_dump(out))
        self.write("models/.gitignore", "/champion\n")
        self.git("rm", "--cached", "-r", "--quiet", "--ignore-unmatch", "models/champion")


def fill(shop: Shop) -> None:
    """Write the project and what its stages would have made."""
    shop.write("dvc.yaml", PIPELINE)
    shop.write("params.yaml", yaml.safe_dump(PARAMS))
    shop.write("pyproject.toml", PROJECT)
    shop.write("locks/run.txt", LOCK)
    shop.write("src/shop/__init__.py", '"""A shop."""\n')
    shop.write("src/shop/sources.py", SOURCES)
    for stage in ("ingest", "features", "train", "select", "predict", "compare", "judge"):
        cell = {"cell_type": "code", "source": [f"print('{stage}')"]}
        shop.write(f"notebooks/{stage}.ipynb", json.dumps({"cells": [cell]}))
    shop.write(".gitignore", "/data\n/models/fits\n/models/candidate\n/reports/figures\n/.dvc/cache\n")
    ids = ["a-1", "a-2", "b-1"]
    shop.table("data/raw/orders.parquet", order=ids, amount=[1.0, 2.0, 3.0])
    shop.write("data/raw/extra/prices.csv", "item,price\n1,2\n")
    shop.table("data/features/train.parquet", order=ids[:1], amount=[1.0])
    shop.table("data/features/upcoming.parquet", order=ids[1:], amount=[2.0, 3.5], late=[True, False])
    for name in ("mean", "tree"):
        shop.write(f"models/fits/{name}.onnx", f"a model that is a {name}")
        shop.write(f"reports/metrics/train/{name}.json", json.dumps({"auc": 0.5}))
    shop.model("models/candidate", b"a model that is a tree")
    shop.model("models/champion", b"the first champion")
    shop.table("data/predictions/upcoming.parquet", order=ids[1:], probability=[0.25, 0.5])
    shop.table("data/predictions/candidate.parquet", order=ids[1:], probability=[0.3, 0.6])
    shop.write("reports/figures/folds.png", b"a picture")
    shop.write("reports/metrics/outcome.json", json.dumps({"candidate": {"auc": 0.75}, "rows": 2}))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """The project after its first run, committed."""
    made = Shop(tmp_path / "shop")
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org"), ("tag.gpgSign", "false")):
        made.git("config", key, value)
    fill(made)
    made.commit()
    return made
