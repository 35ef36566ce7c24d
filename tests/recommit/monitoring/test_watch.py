"""With the bounds that ship, planted faults are found by their series and column, and a sound table is quiet."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from recommit.evidence.files import plain, read, write
from recommit.evidence.monitor import Monitor
from recommit.monitoring import show
from recommit.monitoring.tally import as_date
from tests.recommit.monitoring.world import BOUNDS, IMPORTANCE, REFERENCE, World, rows

CLOCK = as_date(REFERENCE)
Fault = Callable[[World], World]
FAULTS: dict[str, tuple[Fault, str, str, int]] = {
    "wind in another unit": (lambda w: w.changed(wind=lambda r: r["wind"] * 1.6), "input", "wind", 4),
    "all wind in another unit": (
        lambda w: w.changed(wind=lambda r: r["wind"] * 1.6, gust=lambda r: r["gust"] * 1.6),
        "input",
        "wind",
        10,
    ),
    "a place is silent": (lambda w: w.without((w.table["place"] == "B").to_numpy()), "input", "rows", 14),
    "a column is missing": (lambda w: w.changed(wind=lambda r: np.nan), "input", "wind", 4),
    "a column is stuck": (lambda w: w.changed(load=lambda r: 0.1), "input", "load", 4),
    "a value is new": (lambda w: w.changed(place=lambda r: r["place"].replace("C", "D")), "input", "place", 7),
    "the base rate moves": (lambda w: replace(w, base=0.35), "outcome", "gap", 7),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_planted_fault_is_found_within_days_where_it_is(name: str) -> None:
    plant, series, column, days = FAULTS[name]
    found = plant(World()).watched().alerts
    first = next(alert for alert in found if alert.series == series)
    assert column in [shift.name for shift in first.shifts[:2]], first
    assert (first.day - CLOCK).days < days, first


def test_a_sound_table_raises_nothing(sound: Monitor) -> None:
    assert sound.alerts == ()
    assert next(show.words(sound)) == "no alert: watched 60 days against 182 days of the reference"
    assert sound.joint is not None
    assert sound.joint.auc.low < 0.5 < sound.joint.auc.high


def test_false_alarms_are_as_rare_as_is_asked_in_years_that_limits_were_not_set_on(sound: Monitor) -> None:
    assert sound.false_alarms.found is not None
    assert sound.false_alarms.found.low > 0.75 * BOUNDS.days_between
    assert sound.false_alarms.found.low > 90


def test_a_shift_of_a_column_worth_nothing_is_a_line_and_no_alarm() -> None:
    world = World().changed(noise=lambda r: r["noise"] + 2)
    found = world.watched()
    assert found.alerts == ()
    assert [(one.name, one.cost) for one in found.features] == [("noise", 0)]
    as_dear = dict.fromkeys(IMPORTANCE, 1.0)
    model = world.model(as_dear)
    dear = world.watched(model=model)
    assert [alert.series for alert in dear.alerts] == ["input"]
    assert dear.alerts[0].shifts[0].name == "noise"


def test_an_alarm_of_the_input_that_costs_less_than_the_bound_is_a_line() -> None:
    fault = FAULTS["a value is new"][0](World())
    assert [alert.series for alert in fault.watched().alerts] == ["input"]
    dull = fault.watched(bounds=replace(BOUNDS, cost=0.5))
    assert dull.alerts == ()
    assert [line.series for line in dull.lines] == ["input"]


def test_before_outcomes_are_known_a_changed_base_rate_is_invisible_and_then_it_is_seen() -> None:
    world = replace(World(), base=0.35)
    assert world.watched(known=False).alerts == ()
    came = world.watched().came
    assert came is not None
    assert came.estimated is not None
    assert came.scores["log_loss"].low > came.estimated.high


def test_estimated_loss_is_near_what_came_where_columns_move_and_their_meaning_does_not() -> None:
    world = World()
    moved = world.changed(load=lambda r: r["load"] + 1, score=lambda r: r["score"] + 1).watched()
    assert moved.came is not None
    assert moved.promised is not None
    assert moved.came.estimated is not None
    loss, estimated, promised = (
        one.value for one in (moved.came.scores["log_loss"], moved.came.estimated, moved.promised.scores["log_loss"])
    )
    assert abs(loss - promised) > 0.03
    assert abs(loss - estimated) < 0.01


def test_every_task_is_watched_in_input_prediction_and_outcome(kind: str, tmp_path: Path) -> None:
    found = World(kind).changed(wind=lambda r: 3.6 * r["wind"]).watched()
    assert {alert.series for alert in found.alerts} == {"input", "prediction", "outcome"}
    assert found.came is not None
    assert found.came.rows == found.watched_rows
    assert all(week.loss and week.coverage and week.estimated for week in found.weeks)
    (tmp_path / "reports").mkdir()
    write(tmp_path / "reports/monitor.json", found)
    again = read(tmp_path / "reports/monitor.json", Monitor)
    assert plain(again) == plain(found)
    for table in (show.alerts(again), show.weeks(again), show.outcome(again), show.shifts(again.features)):
        assert len(table)
    assert show.figure(again).lines


def test_what_is_found_is_the_same_each_time(sound: Monitor) -> None:
    assert plain(World().watched(with_joint=True)) == plain(sound)


def test_without_watched_rows_there_is_nothing_to_say() -> None:
    table = rows()
    world = World(table=table[table["day"] < REFERENCE].reset_index(drop=True))
    found = world.watched()
    assert found.alerts == found.features == found.weeks == ()
    assert list(show.words(found)) == ["no alert: watched no day yet against 182 days of the reference"]
    show.figure(found)
    TypeAdapter(Monitor).validate_python(plain(found))


def test_too_few_reference_days_give_no_limit_and_say_so() -> None:
    table = rows(days=40)
    found = World(table=table, reference=20).watched()
    assert [one.followed for one in found.series] == [0, 0, 0]
    assert "input: not followed: 20 reference days, and 28 that differ are needed" in list(show.words(found))


def test_outcomes_are_not_followed_where_the_model_learned_from_all_of_the_reference() -> None:
    world = replace(World(), base=0.35)
    then = world.spoken(False)
    knowing = replace(then, learned=np.ones(len(then.days), dtype=bool))
    found = world.watched(reference=knowing)
    assert "outcome" not in {alert.series for alert in found.alerts}
    assert found.promised is None
    assert found.came is not None
    said = "outcome: not followed: 182 reference days, and 28 that differ are needed, 14 of them unseen by the model"
    assert said in list(show.words(found))


def test_columns_that_are_constant_or_empty_are_no_trouble() -> None:
    world = World()
    world = replace(world, table=world.table.assign(noise=np.nan, gust=1.0, place="A"))
    assert world.watched().alerts == ()


def test_prometheus_reads_what_is_written() -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    found = FAULTS["a column is missing"][0](World()).watched()
    families = {one.name: one for one in parser.text_string_to_metric_families(show.prometheus(found))}
    alerts = {sample.labels["series"]: sample.value for sample in families["recommit_monitor_alerts"].samples}
    assert alerts["input"] >= 1
    assert families["recommit_monitor_watched_rows"].samples[0].value == found.watched_rows
    columns = [sample.labels["column"] for sample in families["recommit_monitor_shift_cost"].samples]
    assert "wind" in columns


def test_a_day_without_rows_is_watched_too() -> None:
    world = World()
    gone = world.table["day"].between(REFERENCE + 10, REFERENCE + 12).to_numpy()
    found = world.without(gone).watched()
    quiet = [day for day in found.series[0].days if day.rows == 0]
    assert [(day.day - CLOCK).days for day in quiet] == [10, 11, 12]
    assert found.watched_days == 60


def test_parts_are_ranked_the_worst_first() -> None:
    found = World().watched().parts
    assert {(part.by, part.value) for part in found} == {("place", "A"), ("place", "B"), ("place", "C")}
    assert isinstance(pd.DataFrame(found), pd.DataFrame)
