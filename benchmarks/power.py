"""What size of fault each rule of the gate finds in a month like the flights': simulated months, the shipped bounds.

The month is the last training month as the candidate's fit of all before it predicted it. Outcomes are drawn from those
probabilities and an effect of each day, as large and as like its neighbour's as what the forecast left of the days of
the validation months. No outcome of a test month is used.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pandas as pd
import yaml
from pipeline import ROOT
from scipy.optimize import brentq
from scipy.special import expit, logit

from flights.problem import PROBLEM
from flights.slices import slices
from recommit.evidence.stages import Moved, Slices
from recommit.learning.intervals import Blocks, blocks
from recommit.learning.rules import RULES
from recommit.learning.slices import Scored, search, worst
from recommit.learning.splits import Splitter, splitter
from recommit.task.bins import calibration_error

RESULTS = ROOT / "benchmarks/results/power.json"
FOUND = 0.8
"""A size counts as found where at most 1 - FOUND of the simulated months get a yes."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(path_type=Path), default=ROOT / "data", help="Where the pipeline's tables are.")
@click.option("--months", type=click.IntRange(min=1), default=200, help="Simulated months a size; else no results.")
@click.option("--seed", type=int, default=7)
def main(data: Path, months: int, seed: int) -> None:
    """Simulate months with a planted fault of each size, and count what the rules say."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    bounds, month = params["gate"], Month(data, splitter(PROBLEM, params["split"], params["as_of"]), seed)
    rules = {}
    for rule, unit, cases in _cases(month):
        rows = []
        for size, evidence in cases:
            said = [_answer(rule, evidence(number), bounds[rule]) for number in range(_fewer(rule, months))]
            rows.append({"size": size} | {answer: round(said.count(answer) / len(said), 3) for answer in ANSWERS})
        found = [row["size"] for row in rows if row["yes"] <= 1 - FOUND]
        rules[rule] = {"unit": unit, "bound": bounds[rule], "found": found[0] if found else None, "sizes": rows}
        click.echo(f"{rule}: {rules[rule]['found']} {unit}\n{pd.DataFrame(rows).to_string(index=False)}")
    result = {"rows": len(month.days.codes), "days": month.days.number, "day_effect": round(month.spread, 3)}
    result |= {"neighbours": round(month.neighbours, 3), "months": months, "seed": seed, "rules": rules}
    if months == 200:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


TASK = PROBLEM.task
ANSWERS = ("yes", "unknown", "no")


def _fewer(rule: str, months: int) -> int:
    return max(1, months // 4) if rule == "worst_slice" else months


def _answer(rule: str, evidence: Any, bound: float) -> str:
    found = RULES[rule].judge(evidence, bound)
    if found.holds is False:
        return "no"
    return "unknown" if found.holds is None or found.points else "yes"


class Month:
    """Rows of a month with what an honest forecast says of them, and outcomes drawn as often as asked for."""

    def __init__(self, data: Path, splits: Splitter, seed: int) -> None:
        kept = {name: pd.read_parquet(data / f"folds/{name}-full.parquet") for name in ("boosting", "logistic")}
        last = kept["boosting"]["fold"] == kept["boosting"]["fold"].max()
        july = kept["boosting"][last].reset_index(drop=True)
        other = kept["logistic"][last].reset_index(drop=True)
        day = july["predicted_at"].dt.date
        residual = _residuals(july)
        pairs = [_residuals(month) for _, month in kept["boosting"].groupby("fold")]
        alike = np.corrcoef(*np.hstack([(left.iloc[:-1], left.iloc[1:]) for left in pairs]))[0, 1]
        self.neighbours = max(0.0, float(alike))
        self.seed = seed
        self.spread = float(residual.std() / (july["answer"] * (1 - july["answer"])).mean())
        self.known = logit(july["answer"].to_numpy())
        self.days = blocks(day, seed)
        self.honest = self.averaged(self.known)
        self.away = logit(other["answer"].to_numpy()) - self.known
        rows = splits.folds(pd.read_parquet(data / "features/train.parquet"), 1)[0].test
        if not np.array_equal(rows["late"], july["late"]):
            raise click.ClickException("data/folds and data/features are of other rows: `dvc repro` makes them anew")
        self.parts = slices(rows).astype("str")

    def averaged(self, known: np.ndarray) -> np.ndarray:
        """The probability over all effects that a day can have."""
        points, weights = np.polynomial.hermite_e.hermegauss(21)
        return expit(known[:, None] + self.spread * points) @ (weights / weights.sum())

    def drawn(self, number: int) -> tuple[np.ndarray, Blocks]:
        """(outcomes, days drawn anew) of a simulated month."""
        rng = np.random.default_rng([self.seed, number])
        effect = np.empty(self.days.number)
        effect[0] = rng.normal()
        for day in range(1, self.days.number):
            effect[day] = self.neighbours * effect[day - 1] + np.sqrt(1 - self.neighbours**2) * rng.normal()
        came = rng.uniform(size=len(self.known)) < expit(self.known + self.spread * effect[self.days.codes])
        return came.astype(float), blocks(self.days.codes, int(rng.integers(2**31)))


def _residuals(rows: pd.DataFrame) -> pd.Series:
    """What the forecast leaves of each day: the mean of outcome less probability, in the order of days."""
    return (rows["late"] - rows["answer"]).groupby(rows["predicted_at"].dt.date).mean()


Case = tuple[float, Callable[[int], dict[str, Any]]]
"""A size of fault, and what the stages would find in a simulated month of that number."""


def _cases(month: Month) -> Iterator[tuple[str, str, Iterator[Case]]]:
    yield "calibration", "mean probability less share", _gaps(month)
    yield "calibration_error", "mean distance of forecast and share", _errors(month)
    yield "coverage", "share of sets short of the level", _short_sets(month)
    yield "better_than_baseline", "nats better than the baseline, in truth", _gains(month)
    yield "not_worse_than_champion", "nats worse than the champion", _worse(month)
    yield "worst_slice", "nats worse than the baseline in a part of some 1,000 rows", _parts(month)
    yield "directions", "share of rows that move the wrong way, in one of eight directions", _directions(month)


def _test(month: Month, **measured: Any) -> Any:
    """Of the evidence, what a rule about the test month reads."""
    period = SimpleNamespace(rows=len(month.known), blocks=month.days.number)
    return SimpleNamespace(period=period, loss=TASK.loss, scale=TASK.scale(1, []), **measured)


def _losses(came: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    return -(came * np.log(forecast) + (1 - came) * np.log(1 - forecast))


def _solved(measure: Callable[[float], float], size: float, most: float) -> float:
    """The strength between 0 and `most` at which the expected measure has that size."""
    return 0.0 if size == 0 else float(brentq(lambda strength: measure(strength) - size, 0, most))


def _gaps(month: Month) -> Iterator[Case]:
    def higher(by: float) -> np.ndarray:
        return expit(logit(month.honest) + by)

    for size in (0.0, 0.015, 0.03, 0.045, 0.06, 0.075):
        forecast = higher(_solved(lambda by: float((higher(by) - month.honest).mean()), size, 3))
        yield size, partial(_calibrated, month, "gap", TASK.gap, forecast)


def _errors(month: Month) -> Iterator[Case]:
    def steeper(by: float) -> np.ndarray:
        lines = (1 + by) * logit(month.honest)
        return expit(lines + brentq(lambda shift: expit(lines + shift).mean() - month.honest.mean(), -50, 50))

    for size in (0.0, 0.025, 0.05, 0.06, 0.07, 0.08, 0.1):
        forecast = steeper(_solved(lambda by: float(np.abs(steeper(by) - month.honest).mean()), size, 5))
        yield size, partial(_calibrated, month, "error", calibration_error, forecast)


def _calibrated(month: Month, name: str, measure: Any, forecast: np.ndarray, number: int) -> Any:
    came, days = month.drawn(number)
    calibration = SimpleNamespace(**{name: measure(came, forecast, days).interval()})
    return SimpleNamespace(test=_test(month, calibration=calibration))


def _short_sets(month: Month, level: float = 0.9) -> Iterator[Case]:
    chance = month.honest

    def short(least: float) -> float:
        """How far sets that hold the outcomes of at least that probability fall short of the level."""
        return level - float((chance * (chance >= least) + (1 - chance) * (1 - chance >= least)).mean())

    for size in (0.0, 0.015, 0.03, 0.045, 0.06, 0.075):
        yield size, partial(_covered, month, brentq(lambda least, size=size: short(least) - size, 0.001, 0.7), level)


def _covered(month: Month, least: float, level: float, number: int) -> Any:
    came, days = month.drawn(number)
    overall = days.ratio(np.where(came == 1, month.honest, 1 - month.honest) >= least).interval()
    return SimpleNamespace(test=_test(month, coverage=SimpleNamespace(level=level, overall=overall)))


def _gains(month: Month) -> Iterator[Case]:
    base = np.full(len(month.honest), month.honest.mean())

    def nearer(part: float) -> np.ndarray:
        return expit((1 - part) * logit(month.honest) + part * logit(base))

    def gain(part: float) -> float:
        return float((_losses(month.honest, base) - _losses(month.honest, nearer(part))).mean())

    for size in (0.09, 0.06, 0.05, 0.04, 0.03, 0.02):
        part = float(brentq(lambda part, size=size: gain(part) - size, 0, 1))
        yield size, partial(_paired, month, "baseline", nearer(part), base)


def _worse(month: Month) -> Iterator[Case]:
    """Candidate and champion differ about as boosting and logistic regression do, half of it to each side."""

    def at(strength: float) -> np.ndarray:
        return expit(logit(month.honest) + strength * month.away)

    def loss(strength: float) -> float:
        return float(_losses(month.honest, at(strength)).mean())

    for size in (-0.01, -0.005, 0.0, 0.0025, 0.005, 0.01, 0.015):
        candidate, champion = 0.5, -0.5
        if size <= 0:
            champion = brentq(lambda by, size=size: loss(by) - loss(0.5) + size, -8, 0)
        else:
            candidate = brentq(lambda by, size=size: loss(by) - loss(-0.5) - size, 0, 8)
        yield size, partial(_paired, month, "champion", at(candidate), at(champion))


def _paired(month: Month, name: str, candidate: np.ndarray, other: np.ndarray, number: int) -> Any:
    came, days = month.drawn(number)
    gain = days.ratio(_losses(came, other)) - days.ratio(_losses(came, candidate))
    return SimpleNamespace(test=_test(month, differences={name: {"log_loss": gain.interval()}}))


def _parts(month: Month, rows: int = 1000) -> Iterator[Case]:
    base = np.full(len(month.honest), month.honest.mean())
    names = month.parts["carrier"] + " x " + month.parts["origin"]
    part = (names == (names.value_counts() - rows).abs().idxmin()).to_numpy()
    away = -np.sign(logit(month.honest) - logit(base)) * part

    def turned(by: float) -> np.ndarray:
        """Nearer to the baseline, and past it, in that part alone."""
        return expit(logit(month.honest) + by * away)

    def lost(by: float) -> float:
        return float((_losses(month.honest, turned(by)) - _losses(month.honest, base))[part].mean())

    for size in (0.0, 0.05, 0.08, 0.1, 0.12, 0.15):
        forecast = turned(brentq(lambda by, size=size: lost(by) - size, 0, 20)) if size else month.honest
        yield size, partial(_searched, month, forecast, base)


def _searched(month: Month, forecast: np.ndarray, base: np.ndarray, number: int) -> Any:
    came, days = month.drawn(number)
    found = search(TASK, month.parts, Scored(came, forecast, base, np.ones(len(came))), days)
    return SimpleNamespace(test=_test(month), slices=Slices(searched=len(found), worst=worst(found), slices=()))


def _directions(month: Month) -> Iterator[Case]:
    for size in (0.005, 0.025, 0.05, 0.075, 0.1, 0.125):
        yield size, partial(_moved, month, size)


def _moved(month: Month, size: float, number: int) -> Any:
    """Eight shares that vary from day to day as much as they are large: the planted one, and seven of 0.005."""
    rng = np.random.default_rng([month.seed, number])
    by_day = rng.exponential([size] + [0.005] * 7, (month.days.number, 8)).clip(max=1)
    wrong = rng.uniform(size=(len(month.known), 8)) < by_day[month.days.codes]
    shares = blocks(month.days.codes, int(rng.integers(2**31))).ratio(wrong).simultaneous()
    rows, days = len(month.known), month.days.number
    tested = [Moved(str(place), "fall", "", 0.0, rows, days, None, one) for place, one in enumerate(shares)]
    return SimpleNamespace(robustness=SimpleNamespace(finite=True, directions=tested, untouched=()))


if __name__ == "__main__":
    main()
