"""Compare two tables of features of any size: read in parts, so that memory does not grow with the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recommit import Refusal
from recommit.evidence.monitor import Monitor
from recommit.monitoring import joint
from recommit.monitoring.bins import MOST_ROWS, kinds_of
from recommit.monitoring.counted import Part, counted
from recommit.monitoring.tally import days_of
from recommit.monitoring.watch import Bounds, Model, Spoken, watch
from recommit.problem import load_problem
from recommit.project.yaml import read_params

_AT_ONCE = 65_536
_BUFFER_BYTES = (
    1 << 20
)  # read at once of each column of a row group; without a bound, all are read before its first row


@dataclass(frozen=True)
class Features:
    """A parquet file of features, with the column of their `time`, in the local days of a `zone`."""

    path: Path
    time: str
    zone: str

    @property
    def schema(self) -> pd.DataFrame:
        """Its columns with their types, without rows. Raises Refusal for no parquet file, or none with such a time."""
        try:
            schema = pq.read_schema(self.path)
        except FileNotFoundError:
            raise Refusal(f"{self.path}: there is no such table") from None
        except (pa.ArrowException, OSError) as error:
            raise Refusal(f"{self.path} is no parquet file: {str(error).splitlines()[0]}") from None
        if self.time not in schema.names:
            raise Refusal(f"{self.path} has no column {self.time}: name with --time the one that says when it is asked")
        empty = schema.empty_table().to_pandas()
        if not pd.api.types.is_datetime64_any_dtype(empty[self.time]):
            raise Refusal(f"{self.path}: {self.time} is {empty[self.time].dtype}, and must be instants")
        return empty

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return int(pq.read_metadata(self.path).num_rows)

    def parts(self, columns: list[str]) -> Iterator[Part]:
        """Yield its rows with those columns, and their days, some at a time."""
        with pq.ParquetFile(self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(
                _AT_ONCE, columns=list(dict.fromkeys([*columns, self.time])), use_threads=False
            ):
                rows = batch.to_pandas()
                if rows[self.time].isna().any():
                    raise Refusal(
                        f"{self.path}: {self.time} is missing in some rows: each needs the instant it is asked at"
                    )
                yield rows, days_of(rows[self.time], self.zone)

    def sample(self, columns: list[str], most: int, seed: int) -> Part:
        """Return at most so many of its rows, drawn with a seed, and their days."""
        places = joint.drawn(self.rows, most, seed)
        kept, days, at = [], [], 0
        for rows, part in self.parts(columns):
            here = places[np.searchsorted(places, at) : np.searchsorted(places, at + len(rows))] - at
            kept.append(rows.iloc[here])
            days.append(part[here])
            at += len(rows)
        return pd.concat(kept, ignore_index=True), np.concatenate(days)


def compare(folder: Path, reference: Path, current: Path, model: str | None, time: str | None) -> Monitor:
    """Return what `monitor` finds of two tables, in the project of `folder`. Raises Refusal for what cannot be.

    Without a `model`, only the input is watched: every column that both tables have, but for the key, the time, the
    target and when that is known.
    """
    problem, params = load_problem(folder), read_params(folder)
    if "monitor" not in params:
        raise Refusal("params.yaml has no monitor: `recommit update` adds it with its bounds")
    bounds, seed = Bounds(**params["monitor"]), int(params.get("seed", 0))
    at = time or problem.instant
    if at is None:
        raise Refusal("rows of this problem have no time: name with --time the column that says when it is asked")
    zone = params.get("split", {}).get("zone", "UTC")
    tables = {"then": Features(reference, at, zone), "now": Features(current, at, zone)}
    types = {name: one.schema for name, one in tables.items()}
    for name, one in tables.items():
        if not one.rows:
            raise Refusal(f"{one.path} has no row to compare")
        if absent := sorted({*map(str, types["then"])} - {*types["now"]}) if name == "now" else []:
            raise Refusal(
                f"{one.path} has no column {absent[0]}, which {reference} has: give tables of the same features"
            )
    aside = {at, problem.key, problem.target, *problem.beside, *filter(None, [problem.known, problem.instant])}
    kinds = kinds_of(types["then"], [name for name in map(str, types["then"]) if name not in aside])
    if not kinds:
        raise Refusal(f"{reference} has no column to compare beside {', '.join(sorted(aside & set(types['then'])))}")
    sampled = tables["then"].sample([*kinds], MOST_ROWS, seed)
    try:
        found = counted(sampled, kinds, tables["then"].parts([*kinds]), tables["now"].parts([*kinds]))
    except ValueError as error:
        raise Refusal(f"{current}: {error}") from None
    now = tables["now"].sample([*kinds], bounds.rows, seed)
    days = {"then": sampled[1], "now": now[1]}
    told = joint.told_apart(found.bins, sampled[0], now[0], days, seed, bounds.rows)
    watched, then_said, now_said = (None, None, None)
    if model is not None:
        watched, said = _spoken(folder, problem, model, tables, types)
        then_said, now_said = said["then"], said["now"]
    return watch(found, watched, then_said, now_said, None, told, bounds, seed)


def _spoken(
    folder: Path, problem: Any, model: str, tables: Mapping[str, Features], types: Mapping[str, pd.DataFrame]
) -> tuple[Model, dict[str, Spoken]]:
    from recommit.artifact.manifest import read_manifest
    from recommit.batch.named import open_scorer

    scorer = open_scorer(folder, model)
    manifest = read_manifest(scorer.folder / "manifest.json")
    for name, one in tables.items():
        if absent := [column for column in scorer.columns if column not in types[name]]:
            raise Refusal(f"{one.path} has no column {absent[0]}, which the model {model} reads")
    until = pd.Timestamp(manifest.trained_until) if manifest.trained_until else None
    said = {}
    for name, one in tables.items():
        optional = [column for column in (problem.target, problem.known) if column and column in types[name]]
        answers, days, truth, learned = [], [], [], []
        for rows, part in one.parts([*scorer.columns, *optional]):
            answers.append(scorer.answer(rows[[*scorer.columns]]))
            days.append(part)
            missing = pd.Series([None] * len(rows), dtype="object")
            truth.append(rows.get(problem.target, missing))
            known = rows[problem.known] if problem.known in rows else rows[one.time]
            learned.append((known <= until).to_numpy("bool") if until is not None else np.ones(len(rows), bool))
        whole = pd.concat(truth, ignore_index=True)
        said[name] = Spoken(np.concatenate(days), np.concatenate(answers), whole, np.concatenate(learned))
    return Model(problem.task, scorer.task, scorer.sha256, manifest.as_of), said
