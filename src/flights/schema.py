"""What each table must look like, and a check that says which rows do not."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd
import pandera.pandas as pa

from flights.catalogue import FEATURES, Feature, categories
from flights.faults import DataError
from flights.vocabulary import CARRIERS, DESTINATIONS, ORIGINS, ZONE

FAILURES = ["table", "column", "rule", "rows", "first_rows"]
ROWS_PER_MONTH = (20_000, 35_000)
LATE_SHARE_PER_MONTH = (0.05, 0.6)
_INSTANT = "datetime64[us, UTC]"
_SHOWN = 5


def _one_of(values: tuple[str, ...]) -> pa.Check:
    return pa.Check.isin(values, error="is a known value")


def _between(low: float, high: float) -> pa.Check:
    return pa.Check.in_range(low, high, error=f"is within {low:g} to {high:g}")


def _number(low: float, high: float) -> pa.Column:
    return pa.Column("float64", _between(low, high), nullable=True)


def _rule(name: str, holds: Callable[[pd.DataFrame], pd.Series]) -> pa.Check:
    return pa.Check(holds, name=name, ignore_na=False)


_POSSIBLE_PLAN = _rule(
    "lands 30 minutes to 14 hours after it leaves, by the plan",
    lambda t: (t["scheduled_arrival"] - t["scheduled_departure"]).between(
        pd.Timedelta(minutes=30), pd.Timedelta(hours=14)
    ),
)
_FLIGHTS = pa.DataFrameSchema(
    {
        "flight_id": pa.Column("int64", pa.Check.ge(0, error="is 0 or more"), unique=True),
        "carrier": pa.Column("str", _one_of(CARRIERS)),
        "flight_number": pa.Column("int64", _between(1, 9999)),
        "tailnum": pa.Column("str", nullable=True),
        "origin": pa.Column("str", _one_of(ORIGINS)),
        "dest": pa.Column("str", _one_of(DESTINATIONS)),
        "distance": pa.Column("int64", _between(10, 6000)),
        "scheduled_departure": pa.Column(_INSTANT),
        "scheduled_arrival": pa.Column(_INSTANT),
        "departed_at": pa.Column(_INSTANT, nullable=True),
        "departure_delay": _number(-120, 1440),
        "landed_at": pa.Column(_INSTANT, nullable=True),
        "arrival_delay": _number(-180, 1500),
        "air_time": _number(10, 900),
        "cancelled": pa.Column("boolean"),
        "diverted": pa.Column("boolean"),
        "outcome_known_at": pa.Column(_INSTANT),
        "label_known_at": pa.Column(_INSTANT),
        "late": pa.Column("boolean"),
    },
    checks=[
        _POSSIBLE_PLAN,
        _rule(
            "landed after it left",
            lambda t: t["landed_at"].isna() | (t["landed_at"] > t["departed_at"]),
        ),
        _rule(
            "outcome is known after departure",
            lambda t: (t["outcome_known_at"] > t["scheduled_departure"]) & ~(t["outcome_known_at"] <= t["departed_at"]),
        ),
        _rule(
            "is late when 15 minutes late, cancelled or diverted, and only then",
            lambda t: t["late"] == ((t["arrival_delay"] >= 15) | t["cancelled"] | t["diverted"]),
        ),
        _rule(
            "ends in one way: landed, cancelled or diverted",
            lambda t: t["landed_at"].notna().astype(int) + t["cancelled"] + t["diverted"] == 1,
        ),
    ],
    strict=True,
)
# A flight to score, of which only the plan is known; other columns are not read, so they may be there.
_ASKED = pa.DataFrameSchema(
    {
        name: _FLIGHTS.columns[name]
        for name in (
            *("flight_id", "carrier", "flight_number", "origin", "dest", "distance"),
            *("scheduled_departure", "scheduled_arrival"),
        )
    },
    checks=[_POSSIBLE_PLAN],
)
_WEATHER = pa.DataFrameSchema(
    {
        "origin": pa.Column("str", _one_of(ORIGINS)),
        "hour_start": pa.Column(_INSTANT),
        "taken_at": pa.Column(_INSTANT),
        "temp": _number(-30, 115),
        "dewp": _number(-50, 90),
        "humid": _number(0, 100),
        "wind_dir": _number(0, 360),
        "wind_speed": _number(0, 150),
        "wind_gust": _number(0, 200),
        "precip": pa.Column("float64", _between(0, 6)),
        "pressure": _number(940, 1060),
        "visib": pa.Column("float64", _between(0, 10)),
    },
    checks=[
        _rule(
            "is known an hour after its hour starts, not before",
            lambda t: t["taken_at"] == t["hour_start"] + pd.Timedelta(hours=1),
        ),
        _rule("one reading an hour", lambda t: ~t.duplicated(["origin", "taken_at"], keep=False)),
        _rule("dew point is not above temperature", lambda t: ~(t["dewp"] > t["temp"] + 0.1)),
    ],
    strict=True,
)
_PLANES = pa.DataFrameSchema(
    {
        "tailnum": pa.Column("str", unique=True),
        "type": pa.Column("str"),
        "manufacturer": pa.Column("str"),
        "model": pa.Column("str"),
        "engine": pa.Column("str"),
        "engines": pa.Column("int64", _between(1, 8)),
        "seats": pa.Column("int64", _between(1, 900)),
        "year": _number(1950, 2014),
        "speed": _number(50, 700),
    },
    strict=True,
)
_AIRPORTS = pa.DataFrameSchema(
    {
        "faa": pa.Column("str", unique=True),
        "name": pa.Column("str"),
        "tzone": pa.Column("str", nullable=True),
        "lat": pa.Column("float64", _between(-90, 90)),
        "lon": pa.Column("float64", _between(-180, 180)),
    },
    strict=True,
)
_AIRLINES = pa.DataFrameSchema({"carrier": pa.Column("str", unique=True), "name": pa.Column("str")}, strict=True)


def _feature_column(feature: Feature) -> pa.Column:
    if feature.kind == "category":
        return pa.Column("str", _one_of(categories()[feature.name]))
    low, high = {"share": (0, 1), "flights": (0, 1000), "min": (-120, 1440)}.get(feature.unit, (-1000, 10_000))
    return pa.Column("float32", _between(low, high), nullable=True)


_FEATURES = pa.DataFrameSchema(
    {
        "flight_id": pa.Column("int64", unique=True),
        "scheduled_departure": pa.Column(_INSTANT),
        "predicted_at": pa.Column(_INSTANT),
        "label_known_at": pa.Column(_INSTANT, required=False),
        "late": pa.Column("bool", required=False),
    }
    | {feature.name: _feature_column(feature) for feature in FEATURES},
    checks=[
        _rule(
            "is predicted no later than it leaves, and before its outcome is known",
            lambda t: (
                (t["predicted_at"] <= t["scheduled_departure"])
                & (t["predicted_at"] < t.get("label_known_at", t["scheduled_departure"] + pd.Timedelta(days=1)))
            ),
        )
    ],
    strict=True,
)
SCHEMAS = {
    "flights": _FLIGHTS,
    "weather": _WEATHER,
    "planes": _PLANES,
    "airports": _AIRPORTS,
    "airlines": _AIRLINES,
    "features": _FEATURES,
    "asked": _ASKED,
}


def rules(tables: Sequence[str]) -> pd.DataFrame:
    """What the schemas of the named tables demand: a row a rule, columns table, column, type, rule."""
    rows = []
    for name in tables:
        for column, expected in SCHEMAS[name].columns.items():
            demands = [str(check.error or check.name) for check in expected.checks]
            demands += ["is unique"] * expected.unique + ["is never missing"] * (not expected.nullable)
            rows.append((name, column, str(expected.dtype), "; ".join(demands)))
        rows += [(name, "", "", str(check.name)) for check in SCHEMAS[name].checks]
    return pd.DataFrame(rows, columns=["table", "column", "type", "rule"])


def check(tables: Mapping[str, pd.DataFrame], share: float = 1.0, clock: pd.Timestamp | None = None) -> pd.DataFrame:
    """Check tables by name: flights, weather, planes, airports, airlines, features, asked.

    Tables may be absent; a rule between two is checked where both are there. `share` of all flights
    is what `sources.sample` kept: the rows expected in a month go down with it. How many are late in
    a month is judged for flights whose label is known before `clock` (UTC): nobody knows the others'.

    Returns a row a broken rule, none when all is well: table, column ("" for a rule on the whole
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


def check_asked(flights: pd.DataFrame) -> None:
    """Check flights to score, of which the plan is known and no outcome need be. Raises DataError naming what is wrong.

    The columns are those that `features.build` reads, held to the very rules that the flights of the past are held to.
    """
    stop_on_failure(check({"asked": flights}))


def stop_on_failure(failures: pd.DataFrame) -> None:
    """Raise DataError when `check` found anything: a line a broken rule, and what to do."""
    if failures.empty:
        return
    lines = [f"{len(failures)} rules of src/flights/schema.py do not hold:"]
    for table, column, rule, rows, first in failures.itertuples(index=False):
        where = f"{table}.{column}" if column else table
        which = f" (first: {first})" if first else ""
        lines.append(f"  {where} {rule}: not so in {rows} rows{which}")
    lines.append("Mend the data in src/flights/sources.py, or change the rule if the world has changed.")
    raise DataError("\n".join(lines))


def _broken(name: str, table: pd.DataFrame) -> Iterator[tuple[str, str, str, int, str]]:
    try:
        SCHEMAS[name].validate(table, lazy=True)
        return
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    cases["column"] = cases["column"].where(cases["schema_context"] == "Column", "")
    for (column, rule), broken in cases.groupby(["column", "check"], sort=False):
        if rule in ("column_in_dataframe", "column_in_schema"):
            column = broken["failure_case"].iloc[0]
        rows = pd.Index(broken["index"].dropna().unique())
        if rule.startswith("dtype("):
            rule = f"is of type {rule[7:-2]}, not {table[column].dtype}"
        yield _failure(name, table, column, _WORDS.get(rule, rule), rows)


_WORDS = {
    "not_nullable": "is never missing",
    "field_uniqueness": "is unique",
    "column_in_dataframe": "is there",
    "column_in_schema": "is a column that the schema knows",
}


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
