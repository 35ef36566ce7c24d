"""Measure `recommit models` and `recommit rollback` in a registry of 300 tags."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from pipeline import ROOT

from recommit.project.hashes import md5_of
from recommit.proof.machine import cpu
from recommit.registry.entry import FILES, Interval, StageEntry, VersionEntry
from recommit.registry.files import hashes
from recommit.registry.history import read_registry
from recommit.registry.tags import read_tags
from recommit.registry.transaction import New, commit_change

RESULTS = ROOT / "benchmarks/results/registry.json"
TAGS = 300
NAME = "toy"
DVC_YAML = f"""
stages:
  select:
    cmd: cp {" ".join(f"trained/{name}" for name in FILES)} models/candidate/
    deps: [trained]
    outs: [{", ".join(f"models/candidate/{name}" for name in FILES)}]
artifacts:
  {NAME}: {{path: models/candidate, type: model}}
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--tags", metavar="N", type=click.IntRange(min=4), default=TAGS, help="300 if not said; else no results.")
@click.option("--times", metavar="N", type=click.IntRange(min=1), default=5, help="How often each is measured.")
def main(tags: int, times: int) -> None:
    """Measure the listing of a registry, and bringing back its last version but one while the last is broken.

    In a scratch repository whose versions had the stage prod one after the other. The last but one is the model in
    models/champion of this project; its files come from DVC's cache. Writes benchmarks/results/registry.json.

    \b
    Example:
      python benchmarks/registry.py --tags 20 --times 1
    Exit status: 0 measured, 1 a command failed.
    """
    with tempfile.TemporaryDirectory(prefix="recommit-benchmark-") as folder:
        root = Path(folder) / NAME
        root.mkdir()
        make(root, tags // 2)
        results = {
            "cpu": cpu(),
            "python": platform.python_version(),
            "tags": len(read_tags(root, NAME)),
            "models_seconds": [seconds(root, "models") for _ in range(times)],
            "rollback_seconds": [rolled_back(root) for _ in range(times)],
        }
    click.echo(json.dumps(results, indent=1))
    if tags == TAGS:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        click.echo(f"written to {RESULTS.relative_to(ROOT)}")


def make(root: Path, versions: int) -> None:
    """A project with that many versions, each on a commit of its own; the files of the last are not a model's."""
    run(root, "git", "init", "--quiet", "--initial-branch=main")
    run(root, "git", "config", "user.name", "Benchmark")
    run(root, "git", "config", "user.email", "benchmark@example.org")
    run(root, "dvc", "init", "--quiet")
    run(root, "dvc", "config", "--local", "core.site_cache_dir", str(root / ".dvc/tmp/site"))
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / ".gitignore").write_text("/.recommit/\n")
    (root / "models/candidate").mkdir(parents=True)
    shutil.copytree(ROOT / "models/champion", root / "trained")
    commit(root, "a model")
    for number in range(1, versions + 1):
        if number == versions:
            (root / "trained/model.onnx").write_bytes(b"broken")
            commit(root, "a broken model")
        else:
            run(root, "git", "commit", "--quiet", "--allow-empty", "--message", f"version {number}")
        register(root, number)


def commit(root: Path, message: str) -> None:
    run(root, "dvc", "repro", "--quiet")
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", message)


def register(root: Path, number: int) -> None:
    """The tags of a version that gets the stage prod, with records as a promotion writes them."""
    found, version = read_registry(root), f"v{number}.0.0"
    said = {
        "name": NAME, "version": version, "commit": run(root, "git", "rev-parse", "HEAD").strip(),
        "who": "Benchmark <benchmark@example.org>", "when": "2013-09-01T00:00:00Z", "why": "", "forced": False,
        "overruled": (),
    }  # fmt: skip
    auc = Interval(value=0.7, low=0.68, high=0.72, level=0.95)
    made = VersionEntry(
        **said, files=hashes(root / "models/candidate"), lock=md5_of(root / "dvc.lock"), decision="none",
        evidence=None, as_of="2013-09-01", measured="validation", metrics={"auc": auc, "log_loss": auc},
    )  # fmt: skip
    given = StageEntry(**said, stage="prod", how="promote", replaced=found.holder("prod"))
    tags = New(f"{NAME}@{version}", version, made), New(f"{NAME}#prod#{number}", version, given)
    commit_change(root, tags, found.tags, champion=None)


def rolled_back(root: Path) -> float:
    """Seconds of a rollback; the scratch repository is then as it was before."""
    head, known = run(root, "git", "rev-parse", "HEAD").strip(), set(run(root, "git", "tag").split())
    shutil.rmtree(root / ".recommit", ignore_errors=True)
    took = seconds(root, "rollback")
    run(root, "git", "tag", "--delete", *set(run(root, "git", "tag").split()) - known)
    run(root, "git", "reset", "--quiet", "--hard", head)
    return took


def seconds(root: Path, *words: str) -> float:
    """Wall time of a verb of this checkout, its start included."""
    started = time.monotonic()
    run(root, sys.executable, "-c", "from recommit.cli import main; main()", *words)
    return round(time.monotonic() - started, 2)


def run(root: Path, *words: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run(words, cwd=root, env=env, capture_output=True, text=True)
    if result.returncode:
        raise click.ClickException(f"{' '.join(words[:4])}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


if __name__ == "__main__":
    main()
