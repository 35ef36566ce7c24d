"""What must hold between the columns of one row: of each table the rules, true where nothing is known yet."""

import pandas as pd

from recommit.columns import Rule

_SHORTEST, _LONGEST = pd.Timedelta(minutes=30), pd.Timedelta(hours=14)


def _plan_is_possible(table: pd.DataFrame) -> pd.Series:
    return (table["scheduled_arrival"] - table["scheduled_departure"]).between(_SHORTEST, _LONGEST)


def _landed_after_leaving(table: pd.DataFrame) -> pd.Series:
    return table["landed_at"].isna() | (table["landed_at"] > table["departed_at"])


def _delay_is_minutes(delay: str, scheduled: str, came: str) -> Rule:
    """To the minute: a feed may give instants with their seconds, and delays without."""

    def holds(table: pd.DataFrame) -> pd.Series:
        between = (table[came] - table[scheduled]).dt.total_seconds() / 60
        return ~((between - table[delay].astype("float64")).abs() >= 1)

    return Rule(f"{delay} is the minutes from {scheduled} to {came}", (delay, scheduled, came), holds)


def _outcome_as_it_lands(table: pd.DataFrame) -> pd.Series:
    return ~(table["outcome_known_at"] != table["landed_at"]) | table[["outcome_known_at", "landed_at"]].isna().any(
        axis=1
    )


def _outcome_after_departure(table: pd.DataFrame) -> pd.Series:
    known = table["outcome_known_at"]
    return known.isna() | ((known > table["scheduled_departure"]) & ~(known <= table["departed_at"]))


def _late_is_late(table: pd.DataFrame) -> pd.Series:
    late = table["late"] == ((table["arrival_delay"] >= 15) | table["cancelled"] | table["diverted"])
    return table["outcome_known_at"].isna() | late.fillna(False)


def _one_end(table: pd.DataFrame) -> pd.Series:
    ends = table["landed_at"].notna().astype(int) + table["cancelled"] + table["diverted"]
    return table["outcome_known_at"].isna() | (ends == 1).fillna(False)


def _hour_later(table: pd.DataFrame) -> pd.Series:
    return table["taken_at"] == table["hour_start"] + pd.Timedelta(hours=1)


def _on_the_hour(table: pd.DataFrame) -> pd.Series:
    return table["taken_at"] == table["taken_at"].dt.floor("h")


def _dew_point_below(table: pd.DataFrame) -> pd.Series:
    return ~(table["dewp"] > table["temp"] + 0.1)


def _asked_in_time(table: pd.DataFrame) -> pd.Series:
    return table["predicted_at"] <= table["scheduled_departure"]


def _asked_before_known(table: pd.DataFrame) -> pd.Series:
    return table["predicted_at"] < table["label_known_at"]


_ENDS = ("landed_at", "cancelled", "diverted", "outcome_known_at")
FLIGHTS = (
    Rule(
        "lands 30 minutes to 14 hours after it leaves, by the plan",
        ("scheduled_departure", "scheduled_arrival"),
        _plan_is_possible,
    ),
    Rule("landed after it left", ("departed_at", "landed_at"), _landed_after_leaving),
    _delay_is_minutes("departure_delay", "scheduled_departure", "departed_at"),
    _delay_is_minutes("arrival_delay", "scheduled_arrival", "landed_at"),
    Rule("outcome is known when it lands", ("landed_at", "outcome_known_at"), _outcome_as_it_lands),
    Rule(
        "outcome is known after departure",
        ("scheduled_departure", "departed_at", "outcome_known_at"),
        _outcome_after_departure,
    ),
    Rule(
        "is late when 15 minutes late, cancelled or diverted, and only then",
        ("late", "arrival_delay", *_ENDS[1:]),
        _late_is_late,
    ),
    Rule("ends in one way: landed, cancelled or diverted", _ENDS, _one_end),
)
WEATHER = (
    Rule("is taken on the hour", ("taken_at",), _on_the_hour),
    Rule("is known an hour after its hour starts, not before", ("hour_start", "taken_at"), _hour_later),
    Rule("dew point is not above temperature", ("temp", "dewp"), _dew_point_below),
)
FEATURES = (
    Rule("is predicted no later than it leaves", ("predicted_at", "scheduled_departure"), _asked_in_time),
    Rule("is predicted before its label is known", ("predicted_at", "label_known_at"), _asked_before_known),
)
