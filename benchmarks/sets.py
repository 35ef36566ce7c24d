"""Measure how often sets hold what came in the four months after the first clock, by outcome, before and after."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from four_months import CLOCKS, cached_out, day_blocks, last_commit_at

from flights.problem import PROBLEM
from recommit.artifact.sets import Conformal
from recommit.batch.outcome import happened
from recommit.evidence.files import plain
from recommit.learning import judging
from recommit.project.yaml import read_params

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/sets.json"
LEVEL = 0.9
STEP = 0.05
"""How far the level moves for a day that missed all of its rows; more follows faster, and swings more."""
WAYS = ("all rows", "each outcome", "each outcome, following the days")
Answers = tuple[np.ndarray, np.ndarray]
"""Truths and probabilities, (n,) each."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--folder", metavar="PATH", type=click.Path(path_type=Path), required=True, help="Of four_months.py.")
def main(folder: Path) -> None:
    """Measure the sets of the candidates that `benchmarks/four_months.py --folder PATH` has left in PATH.

    Three ways to fit them on the last fold of each clock: to all rows; to the rows of each outcome by itself, as
    by_outcome in params.yaml does; and so, with levels that follow each day's misses (adaptive conformal inference,
    Gibbs and Candes 2021), which no stage does. Each is held against the flights of the month after the clock, whose
    probabilities are in the log. Writes benchmarks/results/sets.json.

    \b
    Example:
      python benchmarks/sets.py --folder /tmp/four-months
    Exit status: 0 measured, 1 the sets are not those of the models.
    """
    facts = pd.read_parquet(folder / "data/raw/flights.parquet", columns=[PROBLEM.key, PROBLEM.target])
    tables, levels = [], np.array([LEVEL, LEVEL])
    for clock in CLOCKS:
        fitted = last_fold(folder, last_commit_at(folder, clock))
        said = pd.read_parquet(folder / f"data/log/candidate/{clock}.parquet")
        table = happened(said, facts, PROBLEM.key, PROBLEM.target, PROBLEM.task.dtype).sort_values("predicted_at")
        came, chance = table[PROBLEM.target].to_numpy(), PROBLEM.task.written(table)
        held = {way: PROBLEM.task.conform(*fitted, LEVEL, by_outcome=way != WAYS[0]).sets(chance) for way in WAYS[:2]}
        held[WAYS[2]], levels = following(fitted, (came, chance), table["predicted_at"].dt.date.to_numpy(), levels)
        columns = {way: list(map(tuple, sets.tolist())) for way, sets in held.items()}
        tables.append((clock[:7], table.assign(**columns)))
    months = [{"month": month, "rows": len(table)} | covered(folder, table) for month, table in tables]
    together = pd.concat([table for _, table in tables], ignore_index=True)
    results = {
        "sample": read_params(folder)["sample"],
        "level": LEVEL,
        "step": STEP,
        "months": months,
        "together": covered(folder, together),
    }
    RESULTS.write_text(json.dumps(plain(results), indent=1) + "\n")
    click.echo(json.dumps(plain(results), indent=1))


def last_fold(clone: Path, commit: str) -> Answers:
    """Returns the outcomes of the last fold of the candidate's fit, and its calibrated probabilities."""
    manifest = json.loads(cached_out(clone, commit, "models/candidate/manifest.json").read_text())
    rows = pd.read_parquet(cached_out(clone, commit, f"data/folds/{manifest['fit']}.parquet"))
    last = rows[rows["fold"] == rows["fold"].max()]
    task = manifest["task"]
    odds = np.log(last["answer"] / (1 - last["answer"])) * task["calibration"]["slope"]
    chance = (1 / (1 + np.exp(-odds - task["calibration"]["intercept"]))).to_numpy()
    found = last[PROBLEM.target].to_numpy(), chance
    if not np.isclose(PROBLEM.task.conform(*found, LEVEL).quantile, task["conformal"]["quantile"], atol=1e-6):
        raise click.ClickException(f"the last fold of {manifest['fit']} does not give the sets of its manifest")
    return found


def following(fitted: Answers, came: Answers, days: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sets of rows, (n, 2), whose levels follow what each day's sets missed, and the `levels` at the end.

    A day's outcomes are taken as known on the next day.
    """
    truth, chance = fitted
    scores = [np.sort(np.where(truth == outcome, np.where(truth, 1 - chance, chance), np.nan)) for outcome in (0, 1)]
    scores = [one[~np.isnan(one)] for one in scores]
    held = np.zeros((len(days), 2), dtype=bool)
    for rows in _by_day(days):
        quantiles = tuple(
            float(one[min(int(np.ceil((len(one) + 1) * level)), len(one)) - 1]) if 0 < level < 1 else float(level >= 1)
            for one, level in zip(scores, levels, strict=True)
        )
        held[rows] = Conformal(LEVEL, quantiles).sets(came[1][rows])
        for outcome in (0, 1):
            of = rows[came[0][rows] == outcome]
            if len(of):
                levels = levels + STEP * (LEVEL - held[of, outcome].mean()) * (np.arange(2) == outcome)
    return held, levels


def _by_day(days: np.ndarray) -> Iterator[np.ndarray]:
    yield from (np.flatnonzero(days == day) for day in np.unique(days))


def covered(clone: Path, table: pd.DataFrame) -> dict[str, Any]:
    """Returns how often the sets of each way held what came, of all rows and by outcome, with intervals."""
    truth, drawn = table[PROBLEM.target], day_blocks(clone, table)
    found = {}
    for way in WAYS:
        sets = np.array(table[way].tolist())
        held = sets[np.arange(len(sets)), truth.to_numpy("int64")]
        found[way] = judging.intervals(judging.coverage(PROBLEM.task, truth, held, sets.all(axis=1), drawn))
    return {"coverage": found}


if __name__ == "__main__":
    main()
