"""Let the clock run through four months, and hold the champion and 'always retrain' against a model left alone."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from flights.problem import PROBLEM
from recommit.advance.tree import locked_outs
from recommit.batch.outcome import happened
from recommit.evidence.files import plain
from recommit.learning.intervals import Blocks, blocks
from recommit.learning.splits import splitter
from recommit.project.contents import cached
from recommit.project.dvc import cache_of
from recommit.project.yaml import read_params

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/four_months.json"
CLOCKS = ["2013-09-01", "2013-10-01", "2013-11-01", "2013-12-01"]
GOAL = "2014-01-01"
FEATURES = "data/features/upcoming.parquet"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--folder", metavar="PATH", type=click.Path(path_type=Path), help="Where to clone; kept afterwards.")
@click.option(
    "--sample",
    metavar="SHARE",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    help="The share of the flights; the results say it.",
)
def main(folder: Path | None, sample: float) -> None:
    """Run `recommit advance --to 2014-01-01` in a fresh clone of this repository, whose clock is at 2013-09-01.

    Below a sample of 1, the stages that advise and explain are left out: no rule of the gate reads them.

    Writes benchmarks/results/four_months.json: for each month what was decided at its end; the log loss of the champion
    in force, of the candidate of the month's beginning (always retrain) and of the model of 2013-09-01 (frozen), on the
    flights of that month; and the candidates' losses in validation, in the test and in the month that then came. A
    folder that is there already is taken as the clone: after a kill, the same command goes on.

    \b
    Example:
      python benchmarks/four_months.py --folder /tmp/four-months
    Exit status: 0 measured, 1 a command failed.
    """
    with tempfile.TemporaryDirectory() as place:
        clone = folder or Path(place) / "clone"
        if not clone.exists():
            _begun(clone, sample)
        _run(clone, "recommit", "advance", "--to", GOAL)
        results = measured(clone, sample)
    RESULTS.write_text(json.dumps(plain(results), indent=1) + "\n")
    click.echo(json.dumps(plain(results), indent=1))


def _begun(clone: Path, sample: float) -> None:
    """Clones this repository, and brings its results up to date."""
    _run(ROOT, "git", "clone", "--quiet", "--no-tags", str(ROOT), str(clone))
    for key in ("user.name", "user.email"):
        _run(clone, "git", "config", key, _said(ROOT, "git", "config", key))
    _run(clone, "dvc", "config", "--quiet", "--local", "cache.dir", str(cache_of(ROOT).resolve()))
    _run(clone, "dvc", "config", "--quiet", "--local", "core.site_cache_dir", str(clone / ".dvc/tmp/site"))
    if sample < 1:
        params = clone / "params.yaml"
        text = params.read_text().replace("sample: 1.0", f"sample: {sample}")
        params.write_text(re.sub(r"(?m)^(  (?:search|importance)): false$", r"\1: true", text))
    else:
        _run(clone, "dvc", "checkout", "--quiet", "--force", "--allow-missing")
    _run(clone, "recommit", "repro")
    _run(clone, "git", "add", "--all")
    if _said(clone, "git", "status", "--porcelain"):
        _run(clone, "git", "commit", "--quiet", "-m", "results")


def measured(clone: Path, sample: float) -> dict[str, Any]:
    """Returns the results of the advance in `clone`, as they are written."""
    commits = {clock: last_commit_at(clone, clock) for clock in CLOCKS}
    facts = pd.read_parquet(clone / "data/raw/flights.parquet", columns=[PROBLEM.key, PROBLEM.target])
    months, parts = [], []
    for clock in CLOCKS:
        tables = _predictions(clone, clock, commits, facts)
        drawn = day_blocks(clone, tables["frozen"])
        losses = {
            who: PROBLEM.task.losses(one[PROBLEM.target], PROBLEM.task.written(one)) for who, one in tables.items()
        }
        parts.append((tables["frozen"], losses))
        months.append(
            {"month": clock[:7], "rows": len(tables["frozen"])}
            | _compared(drawn, losses)
            | {"at_its_end": _decided(clone, (*CLOCKS, GOAL)[len(months) + 1])}
        )
    together = pd.concat([table for table, _ in parts], ignore_index=True)
    losses = {who: np.concatenate([part[who] for _, part in parts]) for who in parts[0][1]}
    candidates = [
        {
            "clock": clock,
            "validation": _validated(clone, commits[clock]),
            "test": _tested(clone, commits[clock]),
            "came": month["loss"]["retrained"],
        }
        for clock, month in zip(CLOCKS, months, strict=True)
    ]
    came = [one["came"].value for one in candidates]
    return {
        "sample": sample,
        "months": months,
        "together": {"rows": len(together)} | _compared(day_blocks(clone, together), losses),
        "candidates": candidates,
        "correlation_with_what_came": {
            name: float(np.corrcoef([one[name] for one in candidates], came)[0, 1]) for name in ("validation", "test")
        },
        "commits": _said(clone, "git", "log", "--reverse", "--format=%s", f"{commits[CLOCKS[0]]}..HEAD").splitlines(),
    }


def last_commit_at(clone: Path, clock: str) -> str:
    """Returns the last commit whose clock is at the date `clock`."""
    for commit in _said(clone, "git", "log", "--first-parent", "--format=%H", "--", "params.yaml", "dvc.lock").split():
        if f"as_of: '{clock}'" in _said(clone, "git", "show", f"{commit}:params.yaml"):
            return commit
    raise click.ClickException(f"no commit has its clock at {clock}")


def _predictions(clone: Path, clock: str, commits: Mapping[str, str], facts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns what each of the three models said of the month after `clock`, beside what came, rows in one order."""
    log = clone / "data/log"
    said = {
        "champion": pd.read_parquet(log / "predictions" / f"{clock}.parquet"),
        "retrained": pd.read_parquet(log / "candidate" / f"{clock}.parquet"),
    }
    with tempfile.TemporaryDirectory() as place:
        model = Path(place, "model")
        model.mkdir()
        for name in ("model.onnx", "manifest.json", "golden.json"):
            shutil.copyfile(cached_out(clone, commits[CLOCKS[0]], f"models/candidate/{name}"), model / name)
        shutil.copyfile(cached_out(clone, commits[clock], FEATURES), Path(place, "month.parquet"))
        words = ("--model", str(model), "--input", f"{place}/month.parquet", "--output", f"{place}/said.parquet")
        _run(clone, "recommit", "predict", *words, "--strict")
        said["frozen"] = pd.read_parquet(f"{place}/said.parquet")
    joined = {
        who: happened(table, facts, PROBLEM.key, PROBLEM.target, PROBLEM.task.dtype)
        .sort_values(PROBLEM.key, ignore_index=True)
        for who, table in said.items()
    }  # fmt: skip
    keys = set.intersection(*(set(table[PROBLEM.key]) for table in joined.values()))
    return {who: one[one[PROBLEM.key].isin(keys)].reset_index(drop=True) for who, one in joined.items()}


def _compared(drawn: Blocks, losses: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns the loss of each model, and by how much it is below that of the frozen one, with intervals."""
    return {
        "loss": {who: drawn.ratio(one).interval() for who, one in losses.items()},
        "better_than_frozen": {
            who: drawn.ratio(losses["frozen"] - one).interval() for who, one in losses.items() if who != "frozen"
        },
    }


def day_blocks(clone: Path, table: pd.DataFrame) -> Blocks:
    params = read_params(clone)
    return blocks(splitter(PROBLEM, params["split"], params["as_of"]).blocks(table), params["seed"])


def _decided(clone: Path, clock: str) -> dict[str, Any]:
    record = json.loads((clone / f"reports/advance/{clock}.json").read_text())
    kept = {name: record[name] for name in ("clock", "outcome", "reasons", "promoted_as", "replaced")}
    gain = record["tested"]["better_by"]["champion"]["log_loss"]
    return kept | {"fit": record["candidate"]["fit"], "better_than_champion": gain}


def _validated(clone: Path, commit: str) -> float:
    found = json.loads(_said(clone, "git", "show", f"{commit}:reports/evidence/selection.json"))
    return next(row["mean"]["value"] for row in found["table"] if row["chosen"])


def _tested(clone: Path, commit: str) -> float:
    found = json.loads(_said(clone, "git", "show", f"{commit}:reports/evidence/test.json"))
    return found["metrics"]["candidate"]["log_loss"]["value"]


def cached_out(clone: Path, commit: str, name: str) -> Path:
    found = cached(cache_of(clone), locked_outs(clone, commit)[name])
    if found is None:
        raise click.ClickException(f"DVC's cache lacks {name} of commit {commit[:10]}")
    return found


def _run(folder: Path, *words: str) -> None:
    if subprocess.run(words, cwd=folder, env=_environment()).returncode:
        raise click.ClickException(f"`{' '.join(words)}` failed")


def _said(folder: Path, *words: str) -> str:
    return subprocess.run(
        words, cwd=folder, env=_environment(), capture_output=True, text=True, check=True
    ).stdout.strip()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}


if __name__ == "__main__":
    main()
