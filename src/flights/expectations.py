"""What is monitored in each table, month by month; the columns are those that are declared."""

from flights.catalogue import CATALOGUE
from flights.columns import FLIGHTS, WEATHER
from flights.feature_table import TABLE as FEATURES
from flights.vocabulary import ZONE
from recommit.learning.monitored import of_table

LABEL = "late"
# What becomes of a flight. Nothing in the data comes more than 22 hours late, so what is not known a day after it
# was due is missing.
OUTCOMES = FLIGHTS.facts
SETTLED_AFTER_HOURS = 24
# What three stations within 20 miles read at the same hour; of these, what the sun makes peak in the afternoon.
READINGS = ("temp", "dewp", "humid", "wind_speed", "pressure", "visib", "precip")


MONITORED = {
    "flights": of_table(
        FLIGHTS,
        at="scheduled_departure",
        key=("carrier", "flight_number", "origin", "dest", "scheduled_departure"),
        left_out=("flight_id",),
        feed="origin",
        late=OUTCOMES,
        late_after="label_known_at",
        late_hours=SETTLED_AFTER_HOURS,
        rows_follow=ZONE,
        label=LABEL,
        related=((LABEL, "departure_delay"), ("arrival_delay", "departure_delay"), ("air_time", "distance")),
    ),
    "weather": of_table(
        WEATHER,
        at="hour_start",
        key=("origin", "hour_start"),
        left_out=(),
        label="",
        feed="origin",
        hourly=True,
        measured=READINGS,
        daily=("temp", "humid"),
    ),
    "features": of_table(
        FEATURES,
        at="predicted_at",
        key=("flight_id",),
        left_out=("flight_id", "label_known_at", LABEL),
        feed="origin",
        rows_follow=ZONE,
        label=LABEL,
        predictors=tuple(CATALOGUE.all),
        made_from="flights",
    ),
}
