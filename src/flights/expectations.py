"""What is monitored in each table, month by month; the columns are those that the schemas name."""

from typing import Any

import pandera.pandas as pa

from flights.catalogue import names
from flights.columns import FLIGHTS
from flights.schema import SCHEMAS
from flights.vocabulary import ZONE
from recommit.learning.monthly import Monitored

LABEL = "late"
# What becomes of a flight. Nothing in the data comes more than 22 hours late, so what is not known a day after it
# was due is missing.
OUTCOMES = FLIGHTS.facts
SETTLED_AFTER_HOURS = 24
# What three stations within 20 miles read at the same hour; of these, what the sun makes peak in the afternoon.
READINGS = ("temp", "dewp", "humid", "wind_speed", "pressure", "visib", "precip")


def unlabelled() -> list[str]:
    """The columns that a row of the feature table has before its outcome is known."""
    return [name for name, column in SCHEMAS["features"].columns.items() if column.required]


def _monitored(table: str, at: str, key: tuple[str, ...], **more: Any) -> Monitored:
    """Sort the columns of a table's schema by kind: numbers, texts from a list of values and yes or no, others.

    Left out are a key that only counts and what a table may lack, the label of the feature table for one. Of the raw
    label only missing values are looked at: more late flights than before are no fault of the data.
    """
    kinds: dict[str, Any] = {"numbers": (), "categories": (), "others": ()}
    for name, column in SCHEMAS[table].columns.items():
        if name == "flight_id" or not column.required:
            continue
        kind = _kind(column) if name != LABEL else "others"
        kinds[kind] += (name,)
    return Monitored(at, key, **kinds, **more)


def _kind(column: pa.Column) -> str:
    of_type = str(column.dtype)
    if of_type.startswith(("int", "float")):
        return "numbers"
    listed = of_type.startswith("str") and column.checks
    return "categories" if listed or of_type == "boolean" else "others"


MONITORED = {
    "flights": _monitored(
        "flights",
        at="scheduled_departure",
        key=("carrier", "flight_number", "origin", "dest", "scheduled_departure"),
        feed="origin",
        late=OUTCOMES,
        late_after="label_known_at",
        late_hours=SETTLED_AFTER_HOURS,
        rows_follow=ZONE,
        label=LABEL,
        related=((LABEL, "departure_delay"), ("arrival_delay", "departure_delay"), ("air_time", "distance")),
    ),
    "weather": _monitored(
        "weather",
        at="hour_start",
        key=("origin", "hour_start"),
        feed="origin",
        hourly=True,
        measured=READINGS,
        daily=("temp", "humid"),
    ),
    "features": _monitored(
        "features",
        at="predicted_at",
        key=("flight_id",),
        feed="origin",
        rows_follow=ZONE,
        label=LABEL,
        predictors=tuple(names("full")),
        made_from="flights",
    ),
}
