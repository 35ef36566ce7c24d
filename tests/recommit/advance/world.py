"""A small project with a clock: parcels that come late or not, a pipeline in this process, and a registry."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from recommit.advance.record import Turn
from recommit.advance.run import advance, finish
from recommit.project.hashes import md5_of, md5_of_folder
from tests.recommit.registry.world import FEATURES, JUDGE, World, model_files

STAGE = {
    "cmd": "python pipeline.py",
    "deps": ["data/source/parcels.csv", "models/champion"],
    "params": ["as_of"],
    "outs": [
        *("data/raw/parcels.parquet", "data/predictions/upcoming.parquet", "data/predictions/candidate.parquet"),
        *(f"models/candidate/{name}" for name in ("model.onnx", "manifest.json", "golden.json")),
        {"models/decision.json": {"cache": False}},
        *({f"reports/evidence/{name}.json": {"cache": False}} for name in ("features", "test")),
    ],
}
PARAMS = """seed: 7          # for what is drawn
as_of: '{}'  # the clock, UTC
split: {{by: month, folds: 1}}
"""
AUC = {"2013-09-01": 0.6, "2013-10-01": 0.8, "2013-11-01": 0.7, "2013-12-01": 0.9}
"""How good the candidate of each clock is: that of November is worse than the champion."""


def parcels(days: int = 120) -> pd.DataFrame:
    """Two parcels an hour from August on; from each hour's second one it is known later whether it was late."""
    leaves = pd.date_range("2013-08-01", periods=days * 48, freq="30min", tz="UTC").astype("datetime64[us, UTC]")
    late = np.random.default_rng(5).random(len(leaves)) < 0.3
    known = leaves + pd.Timedelta(hours=2)
    return pd.DataFrame({"parcel": np.arange(len(leaves)), "leaves": leaves, "known_at": known, "late": late})


@dataclass(frozen=True)
class Parcels(World):
    """A project on `parcels`; its pipeline is `results`, which takes no second."""

    def results(self) -> int:
        """Makes all results, and dvc.lock, as the pipeline does. Returns its exit status."""
        as_of = re.findall(r"as_of: '(.+?)'", (self.folder / "params.yaml").read_text())[0]
        model_files(self.folder / "models/candidate", f"of {as_of}", AUC[as_of], as_of)
        for script in ("features.py", "judge.py"):
            subprocess.run([sys.executable, script], cwd=self.folder, check=True)
        table = pd.read_csv(self.folder / "data/source/parcels.csv", parse_dates=["leaves", "known_at"])
        now = pd.Timestamp(as_of, tz="UTC")
        table = table[table["leaves"] < now + pd.DateOffset(months=1)]
        (self.folder / "data/raw").mkdir(exist_ok=True)
        (self.folder / "data/predictions").mkdir(exist_ok=True)
        table.to_parquet(self.folder / "data/raw/parcels.parquet", index=False)
        for file, model in (("upcoming", "champion"), ("candidate", "candidate")):
            ahead = table.loc[table["leaves"] >= now, ["parcel", "leaves"]].reset_index(drop=True)
            manifest = (self.folder / f"models/{model}/manifest.json").read_text()
            ahead["predicted_at"] = ahead["leaves"] - pd.Timedelta(hours=2)
            ahead["probability"] = 0.5 - json.loads(manifest)["scores"]["auc"]["value"] / 4
            ahead["model_sha256"] = sha256(manifest.encode()).hexdigest()
            ahead.to_parquet(self.folder / f"data/predictions/{file}.parquet", index=False)
        self._lock(as_of)
        return 0

    def _lock(self, as_of: str) -> None:
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in STAGE["outs"]]
        files = {path.name: md5_of(path) for path in (self.folder / "models/champion").iterdir()}
        champion = {"path": "models/champion", "hash": "md5", "md5": md5_of_folder(files)}
        recorded = [{"path": out, "hash": "md5", "md5": self._kept(out)} for out in outs]
        entry = {"cmd": STAGE["cmd"], "deps": [champion], "params": {"params.yaml": {"as_of": as_of}}, "outs": recorded}
        content = {"schema": "2.0", "stages": {"all": entry}}
        (self.folder / "dvc.lock").write_text(yaml.safe_dump(content, sort_keys=False))

    def _kept(self, out: str) -> str:
        md5 = md5_of(self.folder / out)
        place = self.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.folder / out, place)
        return md5

    def copy(self, to: Path) -> "Parcels":
        shutil.copytree(self.folder, to, symlinks=True)
        return Parcels(to)

    def history(self) -> list[tuple[str, str]]:
        """The message and the tree of each commit, the first one first."""
        lines = self.git("log", "--reverse", "--format=%s%x09%T").splitlines()
        return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def new_parcels(folder: Path, days: int = 120) -> Parcels:
    """The project at the clock 2013-09-01 with its results, committed."""
    folder.mkdir(parents=True)
    project = Parcels(folder)
    project.git("init", "--quiet", "--initial-branch=main")
    project.git("config", "user.name", "Ana")
    project.git("config", "user.email", "ana@example.org")
    project.run("dvc", "init", "--quiet")
    project.run("dvc", "config", "core.analytics", "false")
    project.run("dvc", "config", "--local", "core.site_cache_dir", str(folder / ".dvc/tmp/site"))
    (folder / "params.yaml").write_text(PARAMS.format("2013-09-01"))
    artifacts = {"toy": {"path": "models/candidate", "type": "model"}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": STAGE}, "artifacts": artifacts}))
    (folder / "features.py").write_text(FEATURES)
    (folder / "judge.py").write_text(JUDGE)
    lines = (".recommit/", "__pycache__/", "features.parquet", "/data/*/*.parquet", "/models/candidate/")
    (folder / ".gitignore").write_text("\n".join([*lines, ""]))
    (folder / "data/log").mkdir(parents=True)
    (folder / "data/log/README.md").write_text("Nothing yet.\n")
    (folder / "data/source").mkdir()
    parcels(days).to_csv(folder / "data/source/parcels.csv", index=False)
    project.run("dvc", "add", "--quiet", "data/source/parcels.csv")
    model_files(folder / "models/champion", "baseline", 0.5, "2013-08-01")
    project.results()
    (folder / "models/candidate/.gitignore").write_text("/model.onnx\n")  # as DVC does, in a folder that Git ignores
    project.git("add", "--force", "models/candidate/.gitignore")
    project.commit("results")
    return project


def killed_at(step: Callable[[], object]) -> int:
    """Does `step` in a process of its own, and returns by which signal it ended, 0 for none."""
    process = multiprocessing.get_context("fork").Process(target=step)
    process.start()
    process.join(120)
    return -(process.exitcode or 0)


def kill() -> None:
    """Kills this process as the system does when memory runs out: nothing is put in order."""
    os.kill(os.getpid(), signal.SIGKILL)


def moved(project: Parcels, to: str | None = None) -> tuple[Turn, ...]:
    """Advances the project to its end, as the command does."""
    turns = advance(project.folder, to, project.results, lambda line: None)
    finish(project.folder)
    return turns
