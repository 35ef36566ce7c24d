"""What the machinery is told of the flights: see `recommit.problem`."""

from flights import feature_table, features, subject
from flights.columns import FLIGHTS, WEATHER
from recommit.problem import Problem

PROBLEM = Problem(
    name=subject.NAME,
    target=subject.TARGET,
    outcomes=subject.OUTCOMES,
    rows=FLIGHTS,
    features=feature_table.TABLE,
    beside=("scheduled_departure",),
    instant="predicted_at",
    horizon="horizon_hours",
    history=(FLIGHTS, WEATHER),
    build=features.build,
)
