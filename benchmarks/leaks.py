"""How weak a leak each look at columns still finds: planted in the training rows of the flights, the shipped bounds."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
import yaml
from pipeline import ROOT

from flights.problem import PROBLEM
from recommit.evidence.stages import Leak
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.shuffled import strong_against_shuffled, stronger_lately
from recommit.learning.leakage.spans import within
from recommit.learning.leakage.target import target_in_columns
from recommit.learning.leakage.telling import telling_values
from recommit.learning.splits import Split, Splitter, sample, splitter

RESULTS = ROOT / "benchmarks/results/leaks.json"
Table = pd.DataFrame
Plant = Callable[[Table, float, np.random.Generator], Mapping[str, np.ndarray]]
Look = Callable[[Table, Sequence[str]], list[Leak]]


@dataclass(frozen=True)
class Case:
    """A leak, what its size means, sizes from the strongest to the weakest, and the look that must find it."""

    look: str
    unit: str
    sizes: tuple[float, ...]
    plant: Plant


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(path_type=Path), default=ROOT / "data", help="Where the pipeline's tables are.")
@click.option("--draws", type=click.IntRange(min=1), default=2, help="Leaks planted a size.")
@click.option("--seed", type=int, default=7)
def main(data: Path, draws: int, seed: int) -> None:
    """Plant leaks of each size, and count how often they are found."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    kept = {name: value for name, value in params["leakage"].items() if name not in ("coincidences", "groups")}
    bounds, splits = Bounds(**kept), splitter(PROBLEM, params["split"], params["as_of"])
    columns = PROBLEM.catalogue.names("schedule")
    needed = ["predicted_at", "label_known_at", "late", *columns]
    rows = pd.read_parquet(data / "features/train.parquet", columns=needed)
    looks = _looks(splits, bounds, params["split"]["folds"], seed)
    cases = _cases(splits.folds(rows, 1)[0].starts)
    results = {}
    for name, case in cases.items():
        found = []
        for size in case.sizes:
            hits = 0
            for draw in range(draws):
                planted = case.plant(rows, size, np.random.default_rng([seed, draw]))
                told = looks[case.look](rows.assign(**planted), [*columns, *planted])
                named = [one.where.split(", ") for one in told if one.kind == case.look]
                hits += any(set(columns_of_one) & set(planted) for columns_of_one in named)
            found.append({"size": size, "found": hits / draws})
            print(name, found[-1], flush=True)
        results[name] = {"look": case.look, "unit": case.unit, "sizes": found, "weakest": _weakest(found)}
    content = {"rows": len(rows), "columns": len(columns), "draws": draws, "leaks": results}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _weakest(found: Sequence[Mapping[str, float]]) -> float | None:
    """The last size up to which every leak was found."""
    sure = [one["size"] for place, one in enumerate(found) if all(past["found"] == 1 for past in found[: place + 1])]
    return sure[-1] if sure else None


def _looks(splits: Splitter, bounds: Bounds, months: int, seed: int) -> dict[str, Look]:
    """The looks, each at as many rows as `leaks_in_columns` gives it."""

    def last(rows: Table, most: int = bounds.rows) -> Split:
        return splits.folds(rows, 1)[0].only(sample(rows, most, seed).index)

    def apart(rows: Table) -> list[Split]:
        return [within(sample(part.test, bounds.rows // months, seed), part) for part in splits.folds(rows, 2)]

    return {
        "target_in_columns": lambda rows, columns: target_in_columns([last(rows)], columns, "late", bounds),
        "strong_against_shuffled": lambda rows, columns: strong_against_shuffled(
            last(rows), columns, "late", bounds.worth, seed
        ),
        "stronger_lately": lambda rows, columns: stronger_lately(apart(rows), columns, "late", bounds.rise, seed),
        "telling_value": lambda rows, columns: telling_values(
            last(rows, 5 * bounds.rows), columns, "late", bounds.odds
        ),
    }


def _cases(month: pd.Timestamp) -> dict[str, Case]:
    deviation = "standard deviation of the noise on the outcome, 0 or 1"
    return {
        "one column": Case("strong_against_shuffled", deviation, (0.9, 1.1), _noisy(1)),
        "two columns": Case("strong_against_shuffled", deviation, (1.25, 1.5), _noisy(2)),
        "six columns": Case("strong_against_shuffled", deviation, (2.0, 2.5), _noisy(6)),
        "one column, from the last month on": Case("stronger_lately", deviation, (0.75, 1.0, 1.25), _noisy(1, month)),
        "gaps in one column": Case(
            "telling_value", "share of late rows that miss the value", (0.02, 0.01, 0.005), _gaps
        ),
        "a sum of three columns": Case(
            "target_in_columns", "standard deviation of the noise on the sum", (0.1, 0.15, 0.2), _sum
        ),
    }


def _noisy(number: int, since: pd.Timestamp | None = None) -> Plant:
    def plant(rows: Table, size: float, random: np.random.Generator) -> dict[str, np.ndarray]:
        late = rows["late"].to_numpy("float64")
        told = late if since is None else np.where(rows["predicted_at"] >= since, late, late.mean())
        return {f"leak{place}": told + random.normal(scale=size, size=len(rows)) for place in range(number)}

    return plant


def _gaps(rows: Table, size: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    gone = rows["late"].to_numpy() & (random.random(len(rows)) < size)
    return {"leak": np.where(gone, np.nan, random.normal(size=len(rows)))}


def _sum(rows: Table, size: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    a, b = random.normal(size=(2, len(rows)))
    rest = rows["late"] + random.normal(scale=size, size=len(rows)) - a - b
    return {"leak0": a, "leak1": b, "leak2": rest.to_numpy()}


if __name__ == "__main__":
    main()
