"""Every fault found in the raw data, counted, with what was done about it."""

import pandas as pd

HIGHEST_WIND_MPH = 150
LONE_JUMP_F = 30
_LAST_READING_STALE = pd.Timedelta(hours=4)


def lone_temperatures(weather: pd.DataFrame) -> pd.Series:
    """Mark readings more than 30 °F from each of the two before them at the same station (bool, same index).

    Takes readings sorted by origin and time. Looks back only: what a reading is worth must not depend on later ones.
    """
    temperature = weather.groupby("origin")["temp"]
    return (temperature.diff().abs() > LONE_JUMP_F) & (temperature.diff(2).abs() > LONE_JUMP_F)


def find(raw: dict[str, pd.DataFrame], tables: dict[str, pd.DataFrame], repaired: dict[str, int]) -> pd.DataFrame:
    """List faults: columns table, fault, rows, decision. Zero rows: looked for, not there.

    `repaired` counts what tidying changed: landing, wind, temperature.
    """
    rows = _schedule(raw, tables) + _tails(tables) + _clock(raw, repaired) + _weather(tables)
    rows += [
        ("weather", f"wind above {HIGHEST_WIND_MPH} mph", repaired["wind"], "wind speed blanked"),
        (
            *("weather", "temperature 30 °F off the two readings before (written in Celsius)"),
            *(repaired["temperature"], "temperature, dew point and humidity blanked"),
        ),
    ]
    return pd.DataFrame(rows, columns=["table", "fault", "rows", "decision"]).astype({"rows": int})


def _schedule(raw: dict[str, pd.DataFrame], tables: dict[str, pd.DataFrame]) -> list[tuple]:
    flights, airports = tables["flights"], tables["airports"]
    known = flights["dest"].isin(airports["faa"])
    key = ["carrier", "flight_number", "origin", "dest", "scheduled_departure"]
    day = flights["scheduled_departure"].dt.tz_convert("America/New_York").dt.date
    number = flights[["carrier", "flight_number"]].assign(day=day)
    diverted, cancelled = flights["diverted"].astype(bool), flights["cancelled"].astype(bool)
    hop = flights["origin"].isin(["EWR", "JFK", "LGA"]) & flights["dest"].isin(["EWR", "JFK", "LGA"])
    distances = flights.groupby(["origin", "dest"])["distance"].nunique()
    speed = flights["distance"] / flights["air_time"] * 60
    return [
        ("flights", "same flight listed twice", flights.duplicated(key).sum(), "none to drop"),
        (
            *("flights", "flight number used twice on one day", number.duplicated().sum()),
            "kept: different places or times; flight_id is the key",
        ),
        (
            *("flights", "destination not in airports (BQN, PSE, SJU, STT)", (~known).sum()),
            "kept, with Puerto Rico's time zone",
        ),
        (
            *("flights", "route with two distances", (distances > 1).sum()),
            "kept: a mile apart",
        ),
        (
            *("flights", "flight between two New York airports", hop.sum()),
            "kept: a 17-mile positioning flight planned for 01:06, cancelled",
        ),
        (
            *("flights", "cancelled: when this was known is not recorded", cancelled.sum()),
            "outcome counts as known at scheduled arrival",
        ),
        (
            *("flights", "diverted: has no arrival delay", diverted.sum()),
            "late; outcome counts as known 3 hours after it was due, given when it left",
        ),
        (
            *("flights", "diverted, yet has an arrival time of day"),
            (raw["flights"]["arr_time"].notna() & raw["flights"]["arr_delay"].isna()).sum(),
            "arrival time not used: it carries no day",
        ),
        (
            *("flights", "faster than 650 mph over the ground", (speed > 650).sum()),
            "kept: air time is no feature",
        ),
    ]


def _tails(tables: dict[str, pd.DataFrame]) -> list[tuple]:
    flights, planes = tables["flights"], tables["planes"]
    tail = flights["tailnum"]
    missing = tail.isna()
    absent = ~missing & ~tail.isin(planes["tailnum"])
    american = flights["carrier"].isin(["AA", "MQ"])
    small = tail.isin(planes.loc[planes["seats"] < 20, "tailnum"])
    flown = flights[flights["landed_at"].notna() & ~missing].sort_values(["tailnum", "departed_at"])
    next_departure = flown.groupby("tailnum")["departed_at"].shift(-1)
    return [
        (
            *("flights", "no tail number (cancelled flights only)", missing.sum()),
            "kept. No feature uses the tail number: that it is missing gives the outcome away",
        ),
        (
            *("flights", "no tail number, yet not cancelled"),
            (missing & ~flights["cancelled"].astype(bool)).sum(),
            "none: which is why the gap gives the outcome away",
        ),
        (
            *("flights", "aircraft not in planes", absent.sum()),
            f"kept; {(absent & american).sum()} of them AA or MQ, so no feature uses planes",
        ),
        (
            *("flights", "tail number that cannot be American (D942DN)"),
            (~missing & ~tail.fillna("N1").str.startswith("N")).sum(),
            "kept: a slip for N942DN",
        ),
        (
            *("flights", "aircraft left before its last flight had landed"),
            (next_departure < flown["landed_at"]).sum(),
            "kept: some tail numbers are wrong",
        ),
        (
            *("flights", "aircraft that planes says has fewer than 20 seats", small.sum()),
            "kept: the register gives another aircraft of that number; planes is not used",
        ),
        ("planes", "no year of manufacture", planes["year"].isna().sum(), "kept; not used"),
        ("planes", "no cruising speed", planes["speed"].isna().sum(), "kept; not used"),
        (
            *("planes", "piston engine or single engine: not the airliner that flew"),
            ((planes["engines"] == 1) | planes["engine"].isin(["Reciprocating", "4 Cycle"])).sum(),
            "kept; not used",
        ),
    ]


def _clock(raw: dict[str, pd.DataFrame], repaired: dict[str, int]) -> list[tuple]:
    flights, weather = raw["flights"], raw["weather"]
    started = pd.to_datetime(weather["time_hour"], utc=True).dt.tz_convert("America/New_York")
    wall = weather[["origin"]].assign(label=started.dt.tz_localize(None))
    midnight = flights["dep_time"].eq(2400).sum() + flights["arr_time"].eq(2400).sum()
    return [
        (
            *("flights", "midnight written as 2400", midnight),
            "not parsed: instants come from plan plus delay",
        ),
        (
            *("flights", "landing that contradicts departure plus air time", repaired["landing"]),
            "landing set to departure + air time + 30 minutes",
        ),
        (
            *("weather", "New York hour that occurs twice (clock change)", wall.duplicated().sum()),
            "kept: joined on UTC",
        ),
    ]


def _weather(tables: dict[str, pd.DataFrame]) -> list[tuple]:
    flights, weather = tables["flights"], tables["weather"]
    hours = pd.date_range(weather["hour_start"].min(), weather["hour_start"].max(), freq="h")
    gaps = len(hours) * weather["origin"].nunique() - len(weather)
    end = weather["taken_at"].max()
    beyond = flights["scheduled_departure"] > end + _LAST_READING_STALE
    return [
        (
            *("weather", "hour without a reading", gaps),
            "the last reading up to 3 hours old is used, else missing",
        ),
        (
            *("weather", f"flights more than 4 hours after the last reading ({end:%d %B})"),
            *(beyond.sum(), "kept: weather features missing"),
        ),
        ("weather", "no pressure", weather["pressure"].isna().sum(), "kept as missing"),
        (
            *("weather", "no wind direction", weather["wind_dir"].isna().sum()),
            "no direction: light and variable wind",
        ),
        (
            *("weather", "no gust", weather["wind_gust"].isna().sum()),
            "no gust was noted: gust over wind is 0",
        ),
    ]
