"""What each table must look like, and a check that says which rows do not."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from flights import feature_table
from flights.columns import FLIGHTS, TABLES
from flights.faults import DataError
from flights.vocabulary import ZONE
from recommit.columns import DTYPES, Kind, clocks_of, outcome_in_gaps
from recommit.schema import NEVER_MISSING, UNIQUE, broken, column_schema, demands, row_rules

FAILURES = ["table", "column", "rule", "rows", "first_rows"]
ROWS_PER_MONTH = (20_000, 35_000)
LATE_SHARE_PER_MONTH = (0.05, 0.6)
_SHOWN = 5
# What a model takes: float32, and an outcome that is known.
_LEARNT: dict[Kind, str] = DTYPES | {"number": "float32", "boolean": "bool"}

_DECLARED = TABLES | {"features": feature_table.TABLE}
_UNLABELLED = [name for name in feature_table.TABLE.names if name not in feature_table.LABEL]
SCHEMAS = {name: column_schema(table) for name, table in TABLES.items()} | {
    "features": column_schema(feature_table.TABLE, _UNLABELLED, dtypes=_LEARNT),
}
_LABELLED = column_schema(feature_table.TABLE, dtypes=_LEARNT)


def rules(tables: Sequence[str]) -> pd.DataFrame:
    """What is declared of the named tables: one row per column, then one row per rule between columns.

    Its columns are table, column, type, unit, known (from when on), rule.
    """
    rows = []
    for name in tables:
        keys = {key[0] for key in TABLES[name].keys if len(key) == 1}
        for column in TABLES[name].columns:
            said = [demands(column)] * bool(demands(column))
            said += [UNIQUE] * (column.name in keys) + [NEVER_MISSING] * (column.missing == "never")
            known = " or ".join(clocks_of(column)) or column.known
            rows.append((name, column.name, DTYPES[column.kind], column.unit, known, "; ".join(said)))
        rows += [(name, "", "", "", "", rule.says) for rule in row_rules(TABLES[name])]
    return pd.DataFrame(rows, columns=["table", "column", "type", "unit", "known", "rule"])


def check(tables: Mapping[str, pd.DataFrame], share: float = 1.0, clock: pd.Timestamp | None = None) -> pd.DataFrame:
    """Check tables by name: flights, weather, planes, airports, airlines, features.

    Tables may be absent; a rule between two is checked where both are there. `share` of all flights
    is what `sources.sample` kept: the rows expected in a month go down with it. How many are late in
    a month is judged for flights whose label is known before `clock` (UTC): nobody knows the others'.

    Returns one row per broken rule, none when all is well: table, column ("" for a rule on the whole
    row), rule, rows (how many break it), first_rows (up to five of their ids: flight_id where there
    is one, else the index). Raises ValueError for a table that has no schema.
    """
    unknown = sorted(set(tables) - set(SCHEMAS))
    if unknown:
        raise ValueError(f"no schema for {', '.join(unknown)}; there are {', '.join(SCHEMAS)}")
    failures = [failure for name, table in tables.items() for failure in _broken(name, table)]
    # Rules across rows and tables need columns that are there and of the right type.
    if not failures:
        failures = list(_across(tables, share, clock))
    return pd.DataFrame(failures, columns=FAILURES)


def check_features(parts: Mapping[str, pd.DataFrame]) -> None:
    """Check feature tables, by any name, labelled or not. Raises DataError naming the part.

    A labelled part is to learn from: each of its features must be known in some row.
    """
    found = [check({"features": part}).assign(table=name) for name, part in parts.items()]
    stop_on_failure(pd.concat(found, ignore_index=True))


def stop_on_failure(failures: pd.DataFrame) -> None:
    """Raise DataError when `check` found anything: one line per broken rule, and what to do."""
    if failures.empty:
        return
    lines = [f"{len(failures)} rules on the tables do not hold:"]
    for table, column, rule, rows, first in failures.itertuples(index=False):
        where = f"{table}.{column}" if column else table
        which = f" (first: {first})" if first else ""
        lines.append(f"  {where} {rule}: not so in {rows} rows{which}")
    where = "src/flights/columns.py, rules.py or schema.py"
    lines.append(f"Mend the data in src/flights/sources.py, or change the rule in {where} if the world has changed.")
    raise DataError("\n".join(lines))


def _broken(name: str, table: pd.DataFrame) -> Iterator[tuple[str, str, str, int, str]]:
    schema = _LABELLED if name == "features" and set(feature_table.LABEL) & set(table) else SCHEMAS[name]
    for one in broken(table, schema, row_rules(_DECLARED[name], list(schema.columns))):
        rule = f"{one.rule}, not {one.found}" if one.found else one.rule
        yield _failure(name, table, one.column, rule, table.index[one.rows])


def _failure(name: str, table: pd.DataFrame, column: str, rule: str, rows: pd.Index) -> tuple[str, str, str, int, str]:
    first = rows[:_SHOWN]
    ids = table.loc[first, "flight_id"] if "flight_id" in table else first
    shown = ", ".join(str(row) for row in ids)
    return name, column, rule, len(rows) if len(rows) else len(table), shown


def _across(
    tables: Mapping[str, pd.DataFrame], share: float, clock: pd.Timestamp | None
) -> Iterator[tuple[str, str, str, int, str]]:
    flights, asked = tables.get("flights"), tables.get("features")
    if asked is not None and "late" in asked:
        for column in asked.columns[asked.isna().all()]:
            yield "features", column, "is known in some row", len(asked), ""
    if flights is None:
        return
    yield from _monthly(flights, share, clock)
    for column in outcome_in_gaps(flights, FLIGHTS, "late"):
        gaps = flights.index[flights[column].isna()]
        yield _failure("flights", flights, column, "is missing whatever the outcome", gaps)
    for column, other, key in (("carrier", "airlines", "carrier"), ("origin", "airports", "faa")):
        if other in tables:
            absent = flights.index[~flights[column].isin(tables[other][key])]
            if len(absent):
                yield _failure("flights", flights, column, f"is in {other}", absent)
    if asked is not None:
        absent = asked.index[~asked["flight_id"].isin(flights["flight_id"])]
        if len(absent):
            yield _failure("features", asked, "flight_id", "is in flights", absent)


def _monthly(
    flights: pd.DataFrame, share: float, clock: pd.Timestamp | None
) -> Iterator[tuple[str, str, str, int, str]]:
    month = flights["scheduled_departure"].dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    counts = month.value_counts().sort_index()
    least, most = (share * rows for rows in ROWS_PER_MONTH)
    # The first and last months may be cut; too many rows are a fault in any month.
    cut = counts.index.isin([counts.index[0], counts.index[-1]])
    odd = counts[(counts > most) | ((counts < least) & ~cut)]
    if len(odd):
        rule = f"has {least:.0f} to {most:.0f} rows a month"
        yield "flights", "", rule, int(odd.sum()), ", ".join(odd.index)
    known = flights[flights["label_known_at"] < clock] if clock is not None else flights
    shares = known["late"].astype("float64").groupby(month).mean()
    low, high = LATE_SHARE_PER_MONTH
    # A share of few rows says little.
    odd = shares[~shares.between(low, high) & (counts.reindex(shares.index) > 1000)]
    if len(odd):
        rule = f"is true for {low:.0%} to {high:.0%} of a month"
        yield "flights", "late", rule, int(month.isin(odd.index).sum()), ", ".join(odd.index)
