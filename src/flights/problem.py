"""What the machinery is told of the flights: see `recommit.problem`."""

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from flights import features, sources, subject
from flights.schema import SCHEMAS
from recommit.problem import Problem, Tables

# Rows are checked in parts, so that a row given twice is not to be seen in them; its prediction is the same twice.
# Windows count seconds from 1970, up to 2514: a year beyond those would be answered from another group's events.
_YEARS = (pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2500-01-01", tz="UTC"))
_ASKED = (
    SCHEMAS["asked"]
    .update_column("flight_id", unique=False)
    .update_column("scheduled_departure", checks=pa.Check.in_range(*_YEARS, error="is within 2000 to 2499"))
)
_FOUND = ["row", "reason"]


# How long nothing need be heard: from the last departure to the first of the next day; readings are hourly.
_QUIET = {"flights": pd.Timedelta(hours=8), "weather": pd.Timedelta(hours=3)}


def known_until(history: Tables) -> pd.Timestamp:
    """The last instant (UTC) that both tables tell of: the newest departure or outcome, the newest reading."""
    newest = {
        "flights": history["flights"][list(sources.KNOWN_AT)].max().max(),
        "weather": history["weather"]["taken_at"].max(),
    }
    return min(newest[name] + quiet for name, quiet in _QUIET.items())


def check_asked(rows: pd.DataFrame) -> pd.DataFrame:
    """Which flights to score break which rule of their schema: a row a broken rule, row (place, from 0) and reason."""
    numbered = rows.reset_index(drop=True)
    try:
        _ASKED.validate(numbered, lazy=True)
        return pd.DataFrame(columns=_FOUND)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    of_column = cases["schema_context"] == "Column"
    told = cases["check"].replace({"not_nullable": "is never missing"})
    named = cases.loc[of_column, ["column", "failure_case"]].astype(object)  # there may be none, and then of no type
    told = told.astype(object)
    told[of_column] = named["failure_case"].map(_breaker) + named["column"] + " " + told[of_column]
    found = pd.DataFrame({"row": cases["index"], "reason": told})
    whole = found["row"].isna()
    if whole.any():  # a column's type: true of each row
        every = pd.DataFrame({"row": numbered.index}).merge(found.loc[whole, ["reason"]], how="cross")
        found = pd.concat([every, found[~whole]])
    return found.drop_duplicates().astype({"row": "int64"}).sort_values("row", kind="stable", ignore_index=True)


def check_features(rows: pd.DataFrame) -> pd.DataFrame:
    """Which rows of features break the rules of the feature table, by the columns that are there; as `check_asked`."""
    found = []
    for name, column in SCHEMAS["features"].columns.items():
        if name not in features.FEATURE_SETS["full"] or name not in rows:
            continue
        (rule,) = column.checks
        values = rows[name]
        if "allowed_values" in rule.statistics:
            broken = ~values.isin(rule.statistics["allowed_values"]).to_numpy()
        else:
            numbers = values.to_numpy("float32")
            # A comparison with NaN is false: what is not known may be missing.
            broken = (numbers < rule.statistics["min_value"]) | (numbers > rule.statistics["max_value"])
        found += [(row, f"{_breaker(values.iloc[row])}{name} {rule.error}") for row in np.flatnonzero(broken)]
    return pd.DataFrame(found, columns=_FOUND).sort_values("row", kind="stable", ignore_index=True)


def _breaker(value: Any) -> str:
    return "" if pd.isna(value) else f"rule broken by {value}: "


PROBLEM = Problem(
    name=subject.NAME,
    target=subject.TARGET,
    outcomes=subject.OUTCOMES,
    key="flight_id",
    kept={"flight_id": "whole", "scheduled_departure": "instant", "predicted_at": "instant"},
    asked={
        "flight_id": "whole",
        "carrier": "text",
        "flight_number": "whole",
        "origin": "text",
        "dest": "text",
        "distance": "whole",
        "scheduled_departure": "instant",
        "scheduled_arrival": "instant",
    },
    instant="predicted_at",
    horizon="horizon_hours",
    history=("flights", "weather"),
    build=features.build,
    as_known_at=sources.as_known_at,
    known_until=known_until,
    check_asked=check_asked,
    check_features=check_features,
)
