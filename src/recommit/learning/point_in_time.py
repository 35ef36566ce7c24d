"""The point-in-time test: a feature keeps its value, whatever happened later.

The world is cut off at a row's own prediction instant, and features of the rows asked about up to then are computed
again: once with all later facts left out, once with them exchanged for other ones. They must be the stored ones both
times. A feature that changes has seen what was not yet known: a mean over the whole table, a window that reaches past
the row or holds the row itself, a fact that was entered afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from recommit.evidence.stages import Leak

Tables = dict[str, pd.DataFrame]
Future = Literal["left out", "exchanged"]
# Running sums in floating point may differ in their last digits. Of float32, this is an exact match.
_RELATIVE = 1e-9


@dataclass(frozen=True)
class Rebuilt:
    """Stored and rebuilt features of the rows asked about up to an instant, in the same order, indexed by their key.

    `future` says what was done with later facts.
    """

    instant: pd.Timestamp
    stored: pd.DataFrame
    rebuilt: pd.DataFrame
    future: Future


def instants(table: pd.DataFrame, number: int, seed: int, asked: str) -> list[pd.Timestamp]:
    """Return the prediction instants of `number` rows in order, one drawn from each of `number` equal spans of time.

    An instant that some row has is the sharpest cut: for that row, even the next second is the future. A span without
    rows gives none.
    """
    at = table[asked].sort_values(ignore_index=True)
    edges = pd.date_range(at.iloc[0], at.iloc[-1], periods=number + 1)
    places = np.searchsorted(at, edges)
    places[-1] = len(at)
    random = np.random.default_rng(seed)
    return [at[int(random.integers(low, high))] for low, high in pairwise(places) if high > low]


def rebuild(
    build: Callable[[Tables, pd.Series], pd.DataFrame],
    as_known_at: Callable[[Tables, pd.Timestamp], Tables],
    tables: Tables,
    stored: pd.DataFrame,
    instant: pd.Timestamp,
    rows: int,
    key: str,
    asked: str,
    future: Future = "left out",
) -> Rebuilt:
    """Compute the last `rows` rows asked about at or before `instant` again, from the tables as known at `instant`.

    `stored` is the feature table, one row per key, with `asked` (UTC). `as_known_at(tables, instant)` leaves out what
    was not known; `build(tables, keys)` gives the feature table of those keys, in any order. The last rows are those
    that the future is nearest to. With `future` "exchanged", what was not known is replaced as `exchanged` does.
    Raises ValueError for a key that occurs twice or no row up to the instant.
    """
    past = stored[stored[asked] <= instant].sort_values(asked, kind="stable").tail(rows)
    if past.empty:
        raise ValueError(f"no row is asked about at or before {instant}: the first is at {stored[asked].min()}")
    known = as_known_at(tables, instant)
    rebuilt = build(known if future == "left out" else exchanged(tables, known, key), past[key])
    for name, table in (("stored", past), ("rebuilt", rebuilt)):
        if table[key].duplicated().any():
            raise ValueError(f"{key} {table.loc[table[key].duplicated(), key].iloc[0]} is twice in the {name} features")
    return Rebuilt(instant, past.set_index(key), rebuilt.set_index(key), future)


def exchanged(tables: Tables, known: Tables, key: str) -> Tables:
    """Return the tables with each fact that is not in `known` replaced by another row's, and booleans negated.

    `known` is what the tables were at an instant. Exchanged are facts of rows with the key, also the row's own that the
    prediction is for: a window that holds the row itself counts them. Other tables are those of `known`.
    """
    return known | {name: _exchanged(tables[name], known[name], key) for name in known if key in tables[name]}


def _exchanged(table: pd.DataFrame, known: pd.DataFrame, key: str) -> pd.DataFrame:
    then = known.set_index(key).reindex(table[key])
    changed = table.copy()
    for column in table.columns.drop(key):
        now = table[column]
        gone = (now.notna() & ~_same(now, then[column].set_axis(table.index))).to_numpy()
        if gone.any():
            facts = now[gone]
            # Rotated by half their number, so that a fact of the near future becomes one of the far future.
            other = ~facts if pd.api.types.is_bool_dtype(facts) else facts.iloc[np.arange(len(facts)) - len(facts) // 2]
            changed.loc[gone, column] = other.array
    return changed


def changes_with_the_future(again: Rebuilt, columns: Sequence[str]) -> list[Leak]:
    """Return a leak for each column of `again` whose values changed, and one for rows that were not there yet."""
    stored, rebuilt = again.stored, again.rebuilt
    there = stored.index.isin(rebuilt.index)
    found = []
    if not there.all():
        first = stored.index[~there][0]
        how = f"{(~there).sum()} of {len(stored)} rows asked about by then are not there, {stored.index.name} {first}"
        found.append(Leak.of("changes_with_the_future", f"rows at {again.instant}", how))
    stored = stored[there]
    rebuilt = rebuilt.loc[stored.index]
    for column in columns:
        if column not in rebuilt:
            how = f"computed from what was known at {again.instant} there is no such column"
            found.append(Leak.of("changes_with_the_future", column, how))
            continue
        changed = ~_same(stored[column], rebuilt[column])
        if changed.any():
            place = int(np.argmax(changed))
            how = (
                f"{changed.sum()} of {len(stored)} rows change when what came after {again.instant} is {again.future}: "
                f"{stored.index.name} {stored.index[place]} from {stored[column].iloc[place]} to "
                f"{rebuilt[column].iloc[place]}"
            )
            found.append(Leak.of("changes_with_the_future", column, how))
    return found


def _same(stored: pd.Series, rebuilt: pd.Series) -> np.ndarray:
    both_missing = (stored.isna() & rebuilt.isna()).to_numpy()
    if pd.api.types.is_float_dtype(stored) and pd.api.types.is_numeric_dtype(rebuilt):
        a, b = stored.to_numpy("float64", na_value=np.nan), rebuilt.to_numpy("float64", na_value=np.nan)
        return np.isclose(a, b, rtol=_RELATIVE, atol=0) | both_missing
    return (stored == rebuilt).fillna(False).to_numpy("bool") | both_missing
