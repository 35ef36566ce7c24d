"""`recommit monitor`: what it tells of a stage or of two tables, its files, and its exit status."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from recommit import Refusal
from recommit.cli import main
from recommit.evidence.files import write
from recommit.evidence.monitor import Monitor
from recommit.verbs.monitor import command
from tests.recommit.monitoring.world import REFERENCE, World, rows

PARAMS = Path(__file__).parents[3] / "params.yaml"
START = pd.Timestamp("2013-01-01", tz="UTC")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "pyproject.toml").write_text('[tool.recommit]\nproblem = "tests.recommit.batch.world:PROBLEM"\n')
    (tmp_path / "src").mkdir()
    (tmp_path / "reports").mkdir()
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words)


def tables(world: World) -> list[str]:
    """Write the reference and the watched rows, and say so on the command line."""
    table = world.table.drop(columns=["score", "luck", "luck2"])
    table["asked"] = START + pd.to_timedelta(table["day"], unit="D") + pd.to_timedelta(table.index % 24, unit="h")
    for name, here in {"old": table["day"] < REFERENCE, "new": table["day"] >= REFERENCE}.items():
        table[here].drop(columns="day").to_parquet(f"{name}.parquet", index=False)
    return ["--reference", "old.parquet", "--current", "new.parquet", "--time", "asked", "--output", "found.json"]


def test_without_tables_it_tells_what_the_stage_found(project: Path, sound: Monitor) -> None:
    write(project / "reports/monitor.json", sound)
    result = run()
    assert result.exit_code == 0
    assert result.output.startswith("no alert: watched 60 days against 182 days of the reference\n")
    fault = World().changed(wind=lambda r: 1.6 * r["wind"]).watched()
    write(project / "reports/monitor.json", fault)
    result = run("--json", "--prometheus", "found.prom")
    assert isinstance(result.exception, Refusal)
    assert result.exception.status == 1
    assert {alert["series"] for alert in json.loads(result.output)["alerts"]} >= {"input"}
    assert 'recommit_monitor_alerts{series="input"} 1' in (project / "found.prom").read_text()


def test_two_tables_are_compared_and_an_alert_is_the_exit_status(project: Path) -> None:
    said = tables(World(table=rows(4)))
    result = run(*said)
    assert result.exit_code == 0, result.output
    assert json.loads((project / "found.json").read_text())["watched_rows"] == 7200
    tables(World(table=rows(4)).changed(gust=lambda r: 1.0))
    result = run(*said)
    assert isinstance(result.exception, Refusal)
    assert result.exception.status == 1
    assert "input: unlike the reference since 2013-07-02 (gust: " in result.output


WRONG: dict[str, tuple[str, str]] = {
    "one table": ("--reference old.parquet", "--reference and --current go together"),
    "no output": ("--reference old.parquet --current new.parquet --time asked", "--output is missing"),
    "model alone": ("--model mine", "--model is for two tables"),
    "no stage yet": ("", "reports/monitor.json is missing: `dvc repro monitor` makes it"),
    "no table": (
        "--reference no.parquet --current new.parquet --time asked --output f",
        "no.parquet: there is no such",
    ),
    "no parquet": (
        "--reference params.yaml --current new.parquet --time asked --output f",
        "params.yaml is no parquet",
    ),
    "no such time": ("--reference old.parquet --current new.parquet --time at --output f", "has no column at"),
    "no instants": ("--reference old.parquet --current new.parquet --time wind --output f", "wind is float64"),
    "less columns": ("--reference old.parquet --current less.parquet --time asked --output f", "has no column gust"),
    "empty": ("--reference old.parquet --current empty.parquet --time asked --output f", "has no row to compare"),
    "no instant": ("--reference old.parquet --current unasked.parquet --time asked --output f", "asked is missing in"),
    "overlap": ("--reference old.parquet --current old.parquet --time asked --output f", "the reference ends on"),
    "no folder": ("--reference old.parquet --current new.parquet --time asked --output no/f", "no: there is no such"),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables, some of them wrong."""
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tables(replace(World(), table=World().table.iloc[::40]))
        table = pd.read_parquet("new.parquet")
        table.drop(columns="gust").to_parquet("less.parquet")
        table.iloc[:0].to_parquet("empty.parquet")
        table.assign(asked=table["asked"].where(table.index > 3)).to_parquet("unasked.parquet")
    return folder


@pytest.mark.parametrize("what", list(WRONG))
def test_bad_input_is_one_line_and_nothing_is_written(what: str, project: Path, written: Path) -> None:
    words, says = WRONG[what]
    for file in written.iterdir():
        shutil.copy(file, project)
    result = run(*words.split())
    assert isinstance(result.exception, Refusal), result.output
    assert result.exception.status == 2
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (project / "f").exists()


def test_the_exit_status_of_the_command_is_1_of_an_alert_and_0_of_none(
    project: Path, sound: Monitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["recommit", "monitor"])
    write(project / "reports/monitor.json", sound)
    main()
    fault = World().changed(wind=lambda r: 1.6 * r["wind"]).watched()
    write(project / "reports/monitor.json", fault)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"recommit: alerts: {len(fault.alerts)}: the model may be no longer right\n"


def test_a_stage_that_is_left_out_is_told(project: Path) -> None:
    (project / "reports/monitor.json").write_text('{"left_out": "monitor", "version": 1}\n')
    assert "leave_out.monitor in params.yaml is true" in str(run().exception)
