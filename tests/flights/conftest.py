"""Small worlds and the real data, shared by the tests of the flights package."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from flights import sources
from flights.problem import PROBLEM
from recommit.learning import parts

FAR = pd.Timestamp("2015-01-01", tz="UTC")  # everything is known by then
START = pd.Timestamp("2013-05-01T06:00", tz="UTC")


@pytest.fixture(scope="session")
def raw() -> dict[str, pd.DataFrame]:
    return sources.read_package()


@pytest.fixture(scope="session")
def tidied(raw) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    return sources.tidy(raw)


@pytest.fixture(scope="session")
def tables(tidied) -> dict[str, pd.DataFrame]:
    return tidied[0]


@pytest.fixture(scope="session")
def winter(tables) -> dict[str, pd.DataFrame]:
    """The real flights of the first six weeks."""
    return sources.until(tables, pd.Timestamp("2013-02-15", tz="UTC"))


@pytest.fixture(scope="session")
def table(winter) -> pd.DataFrame:
    """Labelled features of the first six weeks."""
    return parts.settled(PROBLEM, winter, FAR, 2)


def world(plans: list[dict], readings: list[dict]) -> dict[str, pd.DataFrame]:
    """Tables of flights and weather from short descriptions; minutes count from START."""
    plan = pd.DataFrame(plans)
    minutes = {name: pd.to_timedelta(plan[name], unit="min") for name in ("leaves", "takes", "delay", "lands")}
    departure = (START + minutes["leaves"]).astype("datetime64[us, UTC]")
    arrival = (departure + minutes["takes"]).astype("datetime64[us, UTC]")
    gone = ~plan["cancelled"]
    landed = (arrival + minutes["lands"]).where(gone)
    flights = pd.DataFrame(
        {
            "flight_id": np.arange(len(plan), dtype="int64"),
            "carrier": plan["carrier"].astype("str"),
            "flight_number": plan["number"].astype("int64"),
            "tailnum": pd.Series("N1", index=plan.index, dtype="str").where(gone),
            "origin": plan["origin"].astype("str"),
            "dest": plan["dest"].astype("str"),
            "distance": np.int64(700),
            "scheduled_departure": departure,
            "scheduled_arrival": arrival,
            "departed_at": (departure + minutes["delay"]).where(gone).astype("datetime64[us, UTC]"),
            "departure_delay": plan["delay"].where(gone).astype("float64"),
            "landed_at": landed.astype("datetime64[us, UTC]"),
            "arrival_delay": plan["lands"].where(gone).astype("float64"),
            "air_time": np.float64(60),
            "cancelled": plan["cancelled"].astype("boolean"),
            "diverted": pd.Series(False, index=plan.index, dtype="boolean"),
            "outcome_known_at": landed.fillna(arrival).astype("datetime64[us, UTC]"),
            "label_known_at": (arrival + pd.Timedelta(minutes=15)).astype("datetime64[us, UTC]"),
            "late": (plan["cancelled"] | (plan["lands"] >= 15)).astype("boolean"),
        }
    )
    weather = pd.DataFrame(readings, columns=["origin", "hour", *MEASURES])
    started = (START + pd.to_timedelta(weather.pop("hour").astype("int64"), unit="h")).astype("datetime64[us, UTC]")
    weather.insert(1, "hour_start", started)
    weather.insert(2, "taken_at", started + pd.Timedelta(hours=1))
    weather = weather.astype({"origin": "str"} | dict.fromkeys(MEASURES, "float64"))
    return {"flights": flights, "weather": weather}


MEASURES = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
measure = st.one_of(st.just(float("nan")), st.integers(0, 100).map(float))
reading = st.fixed_dictionaries(
    {"origin": st.sampled_from(["JFK", "LGA"]), "hour": st.integers(-30, 30)} | dict.fromkeys(MEASURES, measure)
)
plan = st.fixed_dictionaries(
    {
        "leaves": st.integers(-1500, 1500),
        "takes": st.integers(40, 400),
        "delay": st.integers(-20, 400),
        "lands": st.integers(-30, 400),
        "cancelled": st.booleans(),
        "carrier": st.sampled_from(["AA", "UA", "??"]),
        "number": st.integers(1, 3),
        "origin": st.sampled_from(["JFK", "LGA"]),
        "dest": st.sampled_from(["BOS", "MIA", "XXX"]),
    }
)
worlds = st.builds(
    world,
    st.lists(plan, min_size=1, max_size=25),
    st.lists(reading, max_size=15, unique_by=lambda r: (r["origin"], r["hour"])),
)
