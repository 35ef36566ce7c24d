"""Each planted bad month is flagged by its name and nothing else is; honest months are left alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recommit.evidence.stages import Checks
from recommit.learning import figures_quality, quality
from recommit.learning.calendar import Calendar
from recommit.learning.intervals import Interval, blocks
from recommit.learning.periods import Monitored, Sorted, periods

CLOCK = pd.Timestamp("2013-09-01", tz="UTC")
CALENDAR = Calendar("month")
SMALLEST = quality.Smallest(share=0.02, shift=0.1, rows=0.2, hours=12)
STATIONS = Monitored(
    at="at",
    key=("station", "at"),
    numbers=("celsius", "wind", "gust"),
    categories=("station", "sky"),
    others=("note",),
    feed="station",
    hourly=True,
)
JULY, AUGUST = "2013-07", "2013-08"
MONTHS = [f"2013-{month:02d}" for month in range(1, 9)]
NO_TABLES = quality.without_time({})


def honest(seed: int) -> pd.DataFrame:
    """Hourly readings of two stations for eight months: a season, days that differ, values that are missing."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2013-01-01", "2013-09-10", freq="h", tz="UTC", inclusive="left", unit="us")
    at = hours.repeat(2)
    day = (at - at[0]).days.to_numpy()
    days = day.max() + 1
    weather, cloud, gaps = rng.normal(0, 3, days), rng.beta(3, 7, days), rng.beta(1, 20, days)
    season = 15 * np.sin((day - 110) / 365 * 2 * np.pi)
    number = len(at)
    return pd.DataFrame(
        {
            "at": at,
            "station": np.tile(["EWR", "JFK"], len(hours)),
            "celsius": 12 + season + weather[day] + rng.normal(0, 2, number),
            "wind": rng.gamma(4, 2 + 0.3 * np.abs(weather[day])),
            "gust": np.where(rng.random(number) < gaps[day], np.nan, rng.gamma(5, 3, number)),
            "sky": np.where(
                rng.random(number) < cloud[day], "cloud", rng.choice(["clear", "haze"], number, p=[0.8, 0.2])
            ),
            "note": pd.Series("read", index=range(number), dtype="str"),
        }
    )


def judged(
    table: pd.DataFrame, monitored: Monitored = STATIONS, smallest: quality.Smallest = SMALLEST
) -> quality.Report:
    return quality.report(table, monitored, "stations", CALENDAR, CLOCK, smallest, seed=7)


def within(table: pd.DataFrame, month: str) -> pd.Series:
    return table["at"].dt.strftime("%Y-%m") == month


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return honest(1)


def test_honest_days_drawn_anew_are_not_flagged(table: pd.DataFrame) -> None:
    past = table[table["at"] < CLOCK]
    day = past["at"].dt.floor("D")
    rows = past.groupby(day).indices
    days = pd.Series(list(rows), index=pd.DatetimeIndex(list(rows)).strftime("%Y-%m"))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        drawn = [
            (new, old)
            for _, own in days.groupby(level=0)
            for new, old in zip(own, rng.choice(own, len(own)), strict=True)
        ]
        parts = [
            past.iloc[rows[old]].assign(at=lambda t, new=new, old=old: t["at"] + (new - old)) for new, old in drawn
        ]
        found = judged(pd.concat(parts, ignore_index=True))
        assert not found.flags, [str(flag) for flag in found.flags]
        assert list(found.checks) == MONTHS


def test_of_other_honest_years_no_more_months_are_flagged_than_stated() -> None:
    reports = [judged(honest(seed)) for seed in range(2, 8)]
    flagged = sum(len({flag.period for flag in found.flags}) for found in reports)
    assert flagged <= 0.05 * sum(len(found.checks) for found in reports)


def half_missing(table: pd.DataFrame, month: str) -> pd.DataFrame:
    drawn = np.random.default_rng(0).random(len(table)) < 0.5
    return table.assign(gust=table["gust"].mask(within(table, month) & drawn))


def in_fahrenheit(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table.assign(celsius=table["celsius"].mask(within(table, month), table["celsius"] * 1.8 + 32))


def in_knots(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table.assign(wind=table["wind"].mask(within(table, month), table["wind"] * 3.6))


def unseen_flood(table: pd.DataFrame, month: str) -> pd.DataFrame:
    drawn = np.random.default_rng(0).random(len(table)) < 0.3
    return table.assign(sky=table["sky"].mask(within(table, month) & drawn, "dust"))


def known_flood(table: pd.DataFrame, month: str) -> pd.DataFrame:
    drawn = np.random.default_rng(0).random(len(table)) < 0.6
    return table.assign(sky=table["sky"].mask(within(table, month) & drawn, "haze"))


def half_of_the_rows(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table[~within(table, month) | (np.arange(len(table)) // 2 % 2 == 0)]


def stopped_for_days(table: pd.DataFrame, month: str) -> pd.DataFrame:
    stopped = table["at"].between(pd.Timestamp(f"{month}-11", tz="UTC"), pd.Timestamp(f"{month}-13", tz="UTC"))
    return table[~(stopped & (table["station"] == "JFK"))]


def late_at_the_end(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table[~(within(table, month) & (table["at"].dt.day >= 30))]


def doubled(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return pd.concat([table, table[within(table, month)]], ignore_index=True)


PLANTED = [
    (half_missing, "gust", {"missing"}),
    (in_fahrenheit, "celsius", {"jump", "median", "outside"}),
    (in_knots, "wind", {"jump", "median", "outside"}),
    (unseen_flood, "sky", {"unseen", "share"}),
    (known_flood, "sky", {"share", "times"}),
    (stopped_for_days, "station", {"longest gap"}),
    (late_at_the_end, "station", {"longest gap"}),
    (doubled, "", {"repeated"}),
]


@pytest.mark.parametrize(("spoil", "column", "whats"), PLANTED, ids=[fault[0].__name__ for fault in PLANTED])
def test_a_bad_month_is_flagged_by_its_name_alone(table, spoil, column, whats) -> None:
    flags = judged(spoil(table, AUGUST)).flags
    assert {(flag.period, flag.column) for flag in flags} == {(AUGUST, column)}, [str(flag) for flag in flags]
    assert {flag.what for flag in flags} <= whats
    for flag in flags:
        assert flag.table == "stations"
        assert flag.found.low > flag.high or flag.found.high < flag.low
        assert flag.checks > 20


def test_a_month_with_half_of_its_rows_is_flagged_and_so_are_the_hours_that_an_hourly_feed_owes(table) -> None:
    half = half_of_the_rows(table, AUGUST)
    assert [flag.what for flag in judged(half, replace(STATIONS, hourly=False)).flags] == [
        *("volume", "feed volume", "feed volume")
    ]
    assert {flag.what for flag in judged(half).flags} == {"volume", "feed volume", "silent"}


@pytest.mark.parametrize("month", ["2013-01", "2013-06", JULY])
def test_a_bad_month_of_training_is_flagged_by_its_name_and_no_other_is(table: pd.DataFrame, month: str) -> None:
    for spoil in (half_missing, unseen_flood, doubled, stopped_for_days):
        assert {flag.period for flag in judged(spoil(table, month)).flags} == {month}


def test_a_flagged_month_of_training_does_not_hide_the_same_fault_of_the_judged_month(table: pd.DataFrame) -> None:
    flags = judged(half_missing(half_missing(table, "2013-05"), AUGUST)).flags
    assert {(flag.period, flag.what) for flag in flags} == {("2013-05", "missing"), (AUGUST, "missing")}


def test_the_step_out_of_a_flagged_month_is_no_fault_of_the_month_after_it(table: pd.DataFrame) -> None:
    flags = judged(in_fahrenheit(table, JULY)).flags
    assert "jump" in {flag.what for flag in flags}
    assert {flag.period for flag in flags} == {JULY}


def test_the_feed_that_stopped_is_named(table: pd.DataFrame) -> None:
    (flag,) = judged(stopped_for_days(table, AUGUST)).flags
    assert (flag.what, flag.of, flag.found.value) == ("longest gap", "JFK", 50)
    assert "2013-08 stations.station: longest gap JFK is 50.000" in str(flag)


def test_a_month_without_rows_is_flagged_and_not_left_out(table: pd.DataFrame) -> None:
    found = judged(table[~within(table, AUGUST)])
    assert {flag.what for flag in found.flags} == {"volume", "feed volume", "silent", "longest gap"}
    assert {flag.period for flag in found.flags} == {AUGUST}
    assert not [flag for flag in judged(table[~within(table, "2013-05")]).flags if flag.period == AUGUST]


def test_a_difference_that_does_not_matter_is_not_flagged(table: pd.DataFrame) -> None:
    gone = (np.arange(len(table)) % 100 == 0) & within(table, AUGUST)
    few = table.assign(note=table["note"].mask(gone))
    assert not judged(few).flags
    strict = quality.report(few, STATIONS, "stations", CALENDAR, CLOCK, quality.Smallest(0.005, 0.1, 0.2, 12), seed=7)
    assert [(flag.column, flag.what) for flag in strict.flags] == [("note", "missing")]


def test_a_value_that_is_not_due_by_the_clock_is_not_missing(table: pd.DataFrame) -> None:
    ripe = Monitored("at", ("station", "at"), numbers=("wind",), late=("wind",), late_after="at", late_hours=240)
    young = table.assign(wind=table["wind"].mask(table["at"] > CLOCK - pd.Timedelta(hours=240)))
    assert not judged(young, ripe).flags
    assert {flag.what for flag in judged(young, Monitored("at", ("station", "at"), numbers=("wind",))).flags} == {
        "missing"
    }
    assert {flag.what for flag in judged(young.assign(wind=np.nan), ripe).flags} == set()
    stopped = young.assign(wind=young["wind"].mask(within(young, AUGUST)))
    assert {flag.what for flag in judged(stopped, ripe).flags} == {"missing"}


def test_rows_after_the_clock_play_no_part(table: pd.DataFrame) -> None:
    spoilt = table.assign(wind=table["wind"].mask(table["at"] >= CLOCK))
    pd.testing.assert_frame_equal(judged(table).numbers, judged(spoilt).numbers)
    pd.testing.assert_frame_equal(judged(table).numbers, judged(table.sample(frac=1, random_state=3)).numbers)


def test_what_is_reported_is_what_the_table_holds(table: pd.DataFrame) -> None:
    numbers = judged(table).numbers.set_index(["period", "column", "what", "of"])["value"]
    august = table[within(table, AUGUST)]
    assert numbers[AUGUST, "gust", "missing", ""] == pytest.approx(august["gust"].isna().mean())
    assert numbers[AUGUST, "sky", "share", "haze"] == pytest.approx((august["sky"] == "haze").mean())
    assert numbers[AUGUST, "wind", "median", ""] == pytest.approx(august["wind"].median(), rel=1e-3)
    assert numbers[AUGUST, "", "volume", ""] == 48
    before = table.loc[table["at"] < "2013-08-01", "wind"]
    low, high = before.quantile([0.001, 0.999])
    tight = judged(table, smallest=replace(SMALLEST, beyond=0)).numbers.set_index(["period", "column", "what", "of"])
    outside = ((august["wind"] < low) | (august["wind"] > high)).mean()
    assert tight.loc[(AUGUST, "wind", "outside", ""), "value"] == pytest.approx(outside, abs=5e-4)
    assert numbers[AUGUST, "wind", "outside", ""] <= outside
    nothing = judged(table[~within(table, AUGUST)]).numbers.query("what == 'share' and period == @AUGUST")
    assert len(nothing) > 0
    assert nothing["value"].isna().all()


def test_few_months_are_measured_and_not_judged(table: pd.DataFrame) -> None:
    found = judged(in_fahrenheit(table, AUGUST)[table["at"] >= "2013-06-01"])
    assert found.flags == []
    assert found.checks == {}
    assert set(found.numbers["period"]) == {"2013-06", JULY, AUGUST}


def test_a_column_that_is_not_there_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="columns to monitor are not in the table: gust, note"):
        judged(table.drop(columns=["gust", "note"]))
    with pytest.raises(ValueError, match="no row has at before 2013-09-01"):
        judged(table[table["at"] >= CLOCK])


def test_one_more_month_is_within_what_is_credible_as_often_as_stated() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(2000):
        walk = rng.normal(size=8).cumsum()
        low, high = quality.credible([Interval(value, value, value) for value in walk[:-1]], 0.9, checks=1)
        inside += low <= walk[-1] <= high
    assert abs(inside / 2000 - 0.9) < 2 * np.sqrt(0.9 * 0.1 / 2000)


@pytest.mark.parametrize(
    ("drift", "held"), [(True, 0.9), (False, 0.88)], ids=["months that drift", "months that differ by chance"]
)
def test_a_month_between_others_is_within_what_is_credible_as_often_as_stated(drift: bool, held: float) -> None:
    rng = np.random.default_rng(6)
    inside = 0
    for _ in range(2000):
        months = rng.normal(size=7).cumsum() if drift else rng.normal(size=7)
        others = [Interval(value, value, value) for value in np.delete(months, 3)]
        low, high = quality.credible(others[:3], 0.9, 1, others[3:])
        inside += low <= months[3] <= high
    assert inside / 2000 > held - 2 * np.sqrt(0.9 * 0.1 / 2000)


def test_looking_at_many_numbers_is_allowed_for() -> None:
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(300):
        walks = rng.normal(size=(20, 8)).cumsum(axis=1)
        for walk in walks:
            low, high = quality.credible([Interval(value, value, value) for value in walk[:-1]], 0.9, checks=20)
            if not low <= walk[-1] <= high:
                alarms += 1
                break
    assert alarms / 300 < 0.1 + 2 * np.sqrt(0.9 * 0.1 / 300)


def test_a_quantile_of_days_that_differ_is_within_its_interval_as_often_as_stated() -> None:
    rng = np.random.default_rng(4)
    drawn = blocks(np.arange(30), seed=1)
    inside = 0
    for _ in range(400):
        values = (rng.normal(size=(30, 1)) + rng.normal(size=(30, 20))).ravel()
        order = np.argsort(values)
        found = Sorted(values[order], np.repeat(np.arange(30), 20)[order]).quantile(0.5, drawn)
        inside += found.low <= 0 <= found.high
    assert abs(inside / 400 - 0.95) < 2 * np.sqrt(0.95 * 0.05 / 400)


def test_months_are_cut_at_midnight_utc_and_none_is_skipped(table: pd.DataFrame) -> None:
    late_start = table[(table["at"] >= "2013-03-20T05:00") & ~within(table, "2013-05")]
    found = periods(late_start, STATIONS, CALENDAR, CLOCK, seed=7)
    assert [month.name for month in found] == ["2013-03", "2013-04", "2013-05", "2013-06", JULY, AUGUST]
    assert [month.blocks.number for month in found] == [12, 30, 31, 30, 31, 31]
    assert [len(month.rows) for month in found][2] == 0


def test_evidence_says_what_was_judged_and_found(table: pd.DataFrame) -> None:
    report = judged(half_missing(table, AUGUST))
    evidence = quality.evidence({"stations": report}, AUGUST, CLOCK, 0.95, {}, NO_TABLES)
    assert evidence.judged == AUGUST
    assert evidence.checked == report.checks[AUGUST]
    [flag] = evidence.flags
    assert (flag.period, flag.table, flag.column, flag.what) == (AUGUST, "stations", "gust", "missing")
    assert flag.found.low > flag.high
    assert flag.about == "stations 2013-08 gust missing"
    assert evidence.unjudged == {}
    short = judged(table[table["at"] >= "2013-05-01"])
    unjudged = quality.evidence({"stations": short}, AUGUST, CLOCK, 0.95, {}, NO_TABLES).unjudged
    assert {name: list(months) for name, months in unjudged.items()} == {"stations": ["2013-05", "2013-06", JULY]}
    assert evidence.checks[-1] == Checks("stations", AUGUST, report.checks[AUGUST], 1)
    assert len(evidence.volume) == 8
    read = quality.table_of(report.flags)
    assert read[["period", "where", "what"]].to_numpy().tolist() == [[AUGUST, "stations.gust", "missing"]]


def test_tables_without_months_and_labels_are_only_measured(table: pd.DataFrame) -> None:
    static = quality.without_time({"stations": table[["station", "gust"]]})
    assert static["missing"].tolist() == [0, pytest.approx(table["gust"].isna().mean())]
    shares = quality.mean_by_period(table["sky"] == "cloud", table["at"], CALENDAR, seed=7)
    assert shares[JULY].value == pytest.approx((table["sky"] == "cloud")[within(table, JULY)].mean())
    assert shares[JULY].low < shares[JULY].value < shares[JULY].high


def test_figures_name_their_months_and_frame_what_is_flagged(table: pd.DataFrame) -> None:
    report = judged(half_missing(table, AUGUST))
    ax = figures_quality.shares(report.numbers, ("missing",), report.flags, "missing, %")
    assert [label.get_text() for label in ax.get_xticklabels()][-1] == AUGUST
    assert [label.get_text() for label in ax.get_yticklabels()] == ["gust"]
    assert len(ax.patches) == 1
    ax = figures_quality.shares(judged(table).numbers, ("repeated",), [], "repeated, %")
    assert "0 % in every column and period" in [text.get_text() for text in ax.texts]
    assert figures_quality.volume(report.numbers).get_ylabel().endswith("% of the table's mean period")
