"""What the machinery is told of the flights: see `recommit.problem`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flights import feature_table, features, schema, slices
from flights.catalogue import CATALOGUE
from flights.columns import FLIGHTS, TABLES, WEATHER
from flights.directions import DIRECTIONS
from recommit.problem import Problem
from recommit.task import Binary

if TYPE_CHECKING:
    from recommit.learning.periods import Monitored


def _monitored() -> "Mapping[str, Monitored]":
    from flights.expectations import MONITORED  # it needs what serving does not

    return MONITORED


PROBLEM = Problem(
    name="flights",
    question="Will a flight out of New York be late?",
    task=Binary(("punctual", "late")),
    target="late",
    rows=FLIGHTS,
    features=feature_table.TABLE,
    catalogue=CATALOGUE,
    build=features.build,
    tables=tuple(TABLES.values()),
    history=(FLIGHTS, WEATHER),
    state=features.State,
    looks_back_hours=features.LOOKS_BACK_HOURS,
    beside=("scheduled_departure",),
    instant="predicted_at",
    known="label_known_at",
    event="scheduled_departure",
    when="before scheduled departure",
    across=schema.across,
    monitored=_monitored,
    slices=slices.slices,
    directions=DIRECTIONS,
)
