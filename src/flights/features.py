"""Every feature, once: batch, training and serving all call `build`.

No feature uses the tail number. It is missing only for cancelled flights, and what the table gives
for the rest is the aircraft that flew in the end, which a swap may have put there after the
prediction. The aircraft's last delay is left out because the data does not say which aircraft was
planned at the prediction instant.
"""

import numpy as np
import pandas as pd

from flights import windows
from flights.catalogue import CATALOGUE, GROUPS, QUEUES, RECENT, Recent
from flights.columns import FLIGHTS, WEATHER
from flights.vocabulary import WEEKDAYS, ZONE
from recommit.catalogue import UNKNOWN

ASKED = FLIGHTS.given
LATE_MINUTES = 15
OVERDUE_HOURS = 3
READING_HOURS = 3
DAY_SECONDS = 25 * 3600  # the longest day: that on which clocks go back
# One flight a day late must not own the mean of an hour.
DELAY_MINUTES = (-30, 300)


def build(tables: dict[str, pd.DataFrame], flights_to_score: pd.DataFrame, horizon_hours: float) -> pd.DataFrame:
    """Compute all features of the flights asked for, each as it was at its prediction instant.

    `tables` holds flights and weather as `sources.tidy` or `sources.as_known_at` gives them; only what `columns`
    declares as used is read. `flights_to_score` needs the plan alone, the columns of `ASKED`. Outcomes in it are not
    read.

    Returns one row per row asked, in that order: flight_id, predicted_at (UTC, horizon_hours before
    scheduled departure), then every feature of `catalogue`: float32, or text for a category. Only departures,
    outcomes and readings known at or before predicted_at count; the schedule is known throughout.

    Raises ValueError for a missing column, instants without a time zone or a negative horizon.
    """
    rows = _asked(flights_to_score)
    if not horizon_hours >= 0:
        raise ValueError(f"horizon_hours must be 0 or more, not {horizon_hours}")
    predicted_at = rows["scheduled_departure"] - pd.Timedelta(hours=horizon_hours)
    now = windows.seconds(predicted_at)
    flights, plan = _numbered(tables["flights"][list(FLIGHTS.used)], rows)
    weather = tables["weather"][list(WEATHER.used)]
    columns = (
        {"flight_id": rows["flight_id"], "predicted_at": predicted_at}
        | _schedule(rows, flights, plan)
        | _weather(weather, rows, now)
        | _recent(flights, plan, now)
        | _overdue(flights, plan, now)
    )
    order = ["flight_id", "predicted_at", *CATALOGUE.all]
    return pd.DataFrame({name: columns[name] for name in order})


def _asked(flights: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in ASKED if column not in flights]
    if missing:
        raise ValueError(f"flights to score lack the columns {', '.join(missing)}")
    rows = flights[list(ASKED)].reset_index(drop=True)
    for column in ("scheduled_departure", "scheduled_arrival"):
        if not isinstance(rows[column].dtype, pd.DatetimeTZDtype):
            raise ValueError(f"{column} of flights to score must be instants with a time zone")
        if rows[column].isna().any():
            raise ValueError(f"{column} is missing in {rows[column].isna().sum()} flights to score")
        rows[column] = rows[column].astype("datetime64[us, UTC]")
    return rows


def _numbered(flights: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give both tables whole numbers for text, and the New York hour and day: groups come quicker so."""
    numbered = []
    for table in (flights, rows):
        local = table["scheduled_departure"].dt.tz_convert(ZONE).dt.tz_localize(None)
        day = local.astype("datetime64[s]").astype("int64") // 86400
        numbered.append(table.reset_index(drop=True).assign(hour=local.dt.hour.to_numpy(), day=day.to_numpy()))
    for column in ("carrier", "origin", "dest"):
        for table, code in zip(numbered, windows.codes([column], flights, rows), strict=True):
            table[column] = code
    return numbered[0], numbered[1]


def _schedule(rows: pd.DataFrame, flights: pd.DataFrame, plan: pd.DataFrame) -> dict[str, np.ndarray | pd.Series]:
    local = rows["scheduled_departure"].dt.tz_convert(ZONE)
    minutes = (rows["scheduled_arrival"] - rows["scheduled_departure"]).dt.total_seconds() / 60
    text = {
        "carrier": rows["carrier"],
        "origin": rows["origin"],
        "dest": rows["dest"],
        "departure_hour": local.dt.strftime("%H"),
        "weekday": local.dt.day_of_week.map(dict(enumerate(WEEKDAYS))),
    }
    vocabulary = CATALOGUE.categories()
    columns: dict[str, np.ndarray | pd.Series] = {
        name: values.where(values.isin(vocabulary[name]), UNKNOWN).astype("str") for name, values in text.items()
    }
    speed = (rows["distance"] / minutes.where(minutes > 0) * 60).astype("float32")
    leaves = windows.seconds(rows["scheduled_departure"])
    groups, asked = windows.codes(["origin"], flights, plan)
    log = windows.log(groups, windows.seconds(flights["scheduled_departure"]), {})
    itself = rows["flight_id"].isin(flights["flight_id"]).to_numpy()
    for span in (15, 60):
        # A window leaves out its first second; this one counts departures at both of its ends.
        near = log.window(asked, leaves + span * 60, (2 * span * 60 + 1) / 3600).count() - itself
        columns[f"departures_{span}min"] = near.astype("float32")
    for name in QUEUES:
        groups, asked = windows.codes([*GROUPS[name], "day"], flights, plan)
        whole_day = windows.log(groups, windows.seconds(flights["scheduled_departure"]), {})
        others = whole_day.window(asked, leaves + DAY_SECONDS).count() - itself
        columns[f"{name}_departures_day"] = others.astype("float32")
    return columns | {
        "departure_minute": (local.dt.hour * 60 + local.dt.minute).astype("float32"),
        "scheduled_minutes": minutes.astype("float32"),
        "distance": rows["distance"].astype("float32"),
        "planned_speed": speed,
    }


def _weather(weather: pd.DataFrame, rows: pd.DataFrame, now: np.ndarray) -> dict[str, np.ndarray | pd.Series]:
    groups, asked = windows.codes(["origin"], weather, rows)
    hundredths = (weather["precip"] * 100).round().fillna(0).to_numpy("int64")
    log = windows.log(groups, windows.seconds(weather["taken_at"], up=True), {"rain": hundredths})
    last = log.window(asked, now, READING_HOURS)
    before = log.window(asked, now - 3 * 3600, READING_HOURS)
    angle = np.radians(weather["wind_dir"])
    measured = weather["wind_speed"].notna()
    values = {
        "temperature": weather["temp"],
        "dew_point_spread": weather["temp"] - weather["dewp"],
        "wind_speed": weather["wind_speed"],
        "wind_north": (weather["wind_speed"] * np.cos(angle)).fillna(0).where(measured).round(3),
        "wind_east": (weather["wind_speed"] * np.sin(angle)).fillna(0).where(measured).round(3),
        "gust_over_wind": (weather["wind_gust"] - weather["wind_speed"]).fillna(0).where(measured),
        "visibility": weather["visib"],
        "pressure": weather["pressure"],
        "precipitation": weather["precip"],
    }
    columns: dict[str, np.ndarray | pd.Series] = {name: last.latest(value.to_numpy()) for name, value in values.items()}
    for hours in (3, 6):
        fallen = (log.window(asked, now, hours).sum("rain") / 100).astype("float32")
        columns[f"precipitation_{hours}h"] = np.where(last.count() > 0, fallen, np.float32("nan"))
    for short, name in (("temperature",) * 2, ("wind", "wind_speed"), ("pressure",) * 2):
        change = last.latest(values[name].to_numpy()) - before.latest(values[name].to_numpy())
        columns[f"{short}_change_3h"] = change
    return columns


def _recent(flights: pd.DataFrame, plan: pd.DataFrame, now: np.ndarray) -> dict[str, np.ndarray | pd.Series]:
    columns: dict[str, np.ndarray | pd.Series] = {}
    left = flights[flights["departed_at"].notna()]
    ended = flights[flights["outcome_known_at"].notna()]
    allowed = pd.Timedelta(minutes=LATE_MINUTES)
    due_out, due_in = flights["scheduled_departure"] + allowed, flights["scheduled_arrival"] + allowed
    logs: dict[str, tuple[pd.DataFrame, pd.Series, dict[str, pd.Series]]] = {
        "departures": (left, left["departed_at"], {"delay": left["departure_delay"].clip(*DELAY_MINUTES)}),
        # What has not come by then is late, whatever becomes of it.
        "due_out": (flights, due_out, {"late": ~(flights["departed_at"] < due_out)}),
        "due_in": (flights, due_in, {"late": ~(flights["landed_at"] < due_in)}),
        "outcomes": (
            ended,
            ended["outcome_known_at"],
            {
                "delay": ended["arrival_delay"].clip(*DELAY_MINUTES).fillna(0),
                "landed": ended["arrival_delay"].notna(),
            },
        ),
    }
    for name, (events, at, values) in logs.items():
        known_at = windows.seconds(at, up=True)
        numbers = {value: column.to_numpy("int64") for value, column in values.items()}
        for group in dict.fromkeys(recent.by for recent in RECENT if recent.log == name):
            groups, asked = windows.codes(group, events, plan)
            log = windows.log(groups, known_at, numbers)
            for recent in RECENT:
                if (recent.log, recent.by) == (name, group):
                    window = log.window(asked, now, recent.hours)
                    columns[recent.feature().name] = _value(window, recent)
    return columns


def _value(window: windows.Window, recent: Recent) -> np.ndarray:
    if recent.value == "count":
        return window.count().astype("float32")
    if (recent.log, recent.value) == ("outcomes", "delay"):
        return window.mean("delay", over="landed")
    return window.mean(recent.value)


def _overdue(flights: pd.DataFrame, plan: pd.DataFrame, now: np.ndarray) -> dict[str, np.ndarray | pd.Series]:
    """Count flights that are due out and not gone: those that came due less those that ceased.

    A flight ceases to be overdue when it leaves, or after 3 hours: it may have been cancelled.
    """
    due = windows.seconds(flights["scheduled_departure"])
    given_up = due + OVERDUE_HOURS * 3600
    gone = flights["departed_at"].notna().to_numpy()
    left = windows.seconds(flights["departed_at"].fillna(flights["scheduled_departure"]), up=True)
    ceased = np.where(gone, np.clip(left, due, given_up), given_up)
    columns: dict[str, np.ndarray | pd.Series] = {}
    for name in QUEUES:
        groups, asked = windows.codes(GROUPS[name], flights, plan)
        came = windows.log(groups, due, {"due": due})
        went = windows.log(groups, ceased, {"due": due})
        since, until = came.window(asked, now), went.window(asked, now)
        waiting = since.count() - until.count()
        waited = waiting * now - (since.sum("due") - until.sum("due"))
        planned = came.window(asked, now, OVERDUE_HOURS).count()
        columns[f"{name}_overdue_flights"] = waiting.astype("float32")
        minutes = waited / np.maximum(waiting, 1) / 60
        columns[f"{name}_overdue_minutes"] = minutes.astype("float32")
        share = np.where(planned > 0, waiting / np.maximum(planned, 1), np.nan)
        columns[f"{name}_overdue_share"] = share.astype("float32")
    return columns
