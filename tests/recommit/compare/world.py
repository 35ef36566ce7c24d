"""A made-up repository whose commits and experiments hold what `select` and DVC leave behind; nothing runs."""

import os
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import yaml

from recommit.evidence.files import write
from recommit.learning import judging, selection
from recommit.learning.intervals import blocks
from recommit.learning.splits import splitter
from recommit.project.hashes import md5_of_bytes
from recommit.task import Binary, Classes, Number

ROWS = 2400
FIT = "boosting-full"
TASKS = {"binary": Binary(("no", "yes")), "number": Number("EUR"), "classes": Classes(("few", "some", "many"))}
SPLITS: dict[str, dict[str, Any]] = {
    "time": {"by": "month", "folds": 3},
    "groups": {"by": "group", "folds": 3},
    "hash": {"by": "hash", "folds": 3},
}
PARAMS = {"as_of": "2013-07-01", "models": {"boosting": {"max_iter": 100}}, "leave_out": {"search": False}}


def problem_of(kind: str, split: str, target: str = "target") -> Any:
    """What a comparison asks of a problem."""
    times = {"instant": "asked", "known": "known"} if split == "time" else {"instant": None, "known": None}
    return SimpleNamespace(task=TASKS[kind], target=target, key="key", group="customer", **times)


def folds(kind: str, split: str, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of three folds, and honest answers to them: (rows,) or (rows, 3)."""
    draws = np.random.default_rng(seed)
    asked = pd.Timestamp("2013-04-01", tz="UTC") + pd.to_timedelta(np.sort(draws.integers(0, 91 * 24, ROWS)), unit="h")
    hard = np.repeat(draws.normal(size=ROWS // 24), 24)  # rows of one day are alike
    said = hard + draws.normal(size=ROWS)
    customer = draws.integers(0, 300, ROWS)
    if kind == "number":
        truth: Any = said + draws.normal(scale=np.exp(hard / 2), size=ROWS)
        answer = said
    elif kind == "binary":
        answer = 1 / (1 + np.exp(-said))
        truth = draws.uniform(size=ROWS) < answer
    else:
        odds = np.exp(np.column_stack([said, 0.5 * said[::-1], np.zeros(ROWS)]))
        answer = odds / odds.sum(axis=1, keepdims=True)
        truth = pd.Series(["few", "some", "many"], dtype="str")[
            (answer.cumsum(axis=1) < draws.uniform(size=(ROWS, 1))).sum(axis=1)
        ].to_numpy()
    rows = pd.DataFrame({"target": pd.Series(truth, dtype=TASKS[kind].dtype)})
    if split == "time":
        rows = rows.assign(asked=asked, known=asked, fold=asked.strftime("%Y-%m"))
    else:
        name = {"groups": "customer", "hash": "key"}[split]
        rows = rows.assign(
            **{name: customer if split == "groups" else np.arange(ROWS)},
            fold=[f"fold {1 + one % 3}" for one in customer],
        )
    return rows, answer


@dataclass
class World:
    """The repository in `folder`, for a problem of a kind of answer and a kind of split."""

    folder: Path
    kind: str
    split: str

    @property
    def problem(self) -> Any:
        return problem_of(self.kind, self.split)

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(["git", *identity, *words], cwd=self.folder, env=env, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        return done.stdout.strip()

    def results(self, rows: pd.DataFrame, answer: np.ndarray, ran: dict[str, Any] | None = None, **params: Any) -> None:
        """Write what a run of `select` leaves, for a candidate that predicted this; the cache gets the predictions.

        `params` are those of params.yaml, beside the usual ones; `ran` are others with which the stage ran.
        """
        task, values = TASKS[self.kind], {**PARAMS, "split": SPLITS[self.split]} | params
        parts = [answer] if answer.ndim == 1 else list(answer.T)
        file = BytesIO()
        rows.assign(**dict(zip(task.parts, parts, strict=True))).to_parquet(file)
        md5 = md5_of_bytes(file.getvalue())
        self.write(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}", file.getvalue())
        self.write("params.yaml", yaml.safe_dump(values).encode())
        target = next(name for name in rows if str(name).startswith("target"))
        drawn = blocks(splitter(problem_of(self.kind, self.split), values["split"], values["as_of"]).blocks(rows), 1)
        ranked = selection.choose(task, rows[target], pd.Series(drawn.codes), {FIT: answer}, 1)
        by_period = {"last": judging.intervals(task.judge(rows[target], answer, drawn))}
        (self.folder / "reports/evidence").mkdir(parents=True, exist_ok=True)
        found = selection.as_evidence(task, ranked, rows, by_period, None)
        write(self.folder / "reports/evidence/selection.json", found)
        self.write("dvc.lock", lock(md5, ran or values["models"]["boosting"]).encode())

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)

    def commit(self, message: str = "results") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def experiment(self, name: str) -> None:
        """Keep the working tree as DVC keeps an experiment, and go back to the commit."""
        base = self.git("rev-parse", "HEAD")
        self.git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", self.commit(name))
        self.git("reset", "--hard", "--quiet", base)


def begun(folder: Path, kind: str = "binary", split: str = "time") -> World:
    """A repository with nothing in it but what DVC ignores."""
    world = World(folder, kind, split)
    world.git("init", "--quiet", "--initial-branch=main")
    world.write(".gitignore", b"/.dvc/cache\n/data\n")
    world.write(".dvc/config", b"")
    return world


def lock(md5: str, ran: dict[str, Any]) -> str:
    """dvc.lock of a fit and the choice among one, as DVC writes it."""
    told = yaml.safe_dump({"models.boosting": ran}, default_flow_style=False)
    indented = "".join(f"        {line}\n" for line in told.splitlines())
    return f"""schema: '2.0'
stages:
  train@{FIT}:
    cmd: recommit run notebooks/train.ipynb
    deps:
    - path: src/shop
      hash: md5
      md5: {"a" * 32}.dir
      size: 10
      nfiles: 2
    params:
      params.yaml:
{indented}    outs:
    - path: data/folds/{FIT}.parquet
      hash: md5
      md5: {md5}
      size: 100
    - path: models/fits/{FIT}.onnx
      hash: md5
      md5: {"b" * 32}
      size: 2048
  select:
    cmd: recommit run notebooks/select.ipynb
    deps:
    - path: data/folds
      hash: md5
      md5: {"c" * 32}.dir
      size: 100
      nfiles: 1
    outs:
    - path: reports/evidence/selection.json
      hash: md5
      md5: {"d" * 32}
      size: 100
"""
