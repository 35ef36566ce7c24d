"""The clock moves from period to period, in the project's own zone, and only its own line of params.yaml changes."""

import pytest

from recommit import Refusal
from recommit.advance.period import Clock, clock_in, moved
from recommit.learning.calendar import Calendar

PARAMS = "seed: 7\nas_of: '2013-09-01'        # the clock\nsplit: {{by: {}, zone: {}}}\n"


@pytest.mark.parametrize(
    ("by", "at", "then"),
    [
        ("day", "2013-02-28", "2013-03-01"),
        ("day", "2013-03-10", "2013-03-11"),  # an hour shorter in New York
        ("week", "2013-12-30", "2014-01-06"),
        ("month", "2013-12-01", "2014-01-01"),
        ("quarter", "2013-10-01", "2014-01-01"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_period_ends_where_the_next_one_begins(by: str, at: str, then: str, zone: str) -> None:
    clock = Clock(at, Calendar(by, zone)).next
    assert clock.at == then
    assert clock.instant.tz_convert(zone).strftime("%Y-%m-%d %H:%M") == f"{then} 00:00"
    assert Clock(at, clock.calendar).until(then) == clock


def test_the_clock_of_params_is_read_with_its_periods() -> None:
    clock = clock_in(PARAMS.format("month", "America/New_York"))
    assert (clock.at, clock.next.at) == ("2013-09-01", "2013-10-01")
    assert f"{clock.instant.tz_convert('UTC'):%H:%M}" == "04:00"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_only_the_line_of_the_clock_changes(quote: str) -> None:
    before = PARAMS.format("month", "UTC").replace("'", quote)
    after = moved(before, "2013-10-01")
    assert after == before.replace("2013-09-01", "2013-10-01")
    assert moved(after, "2013-10-01") == after


def test_a_clock_that_stands_on_no_line_of_its_own_is_refused() -> None:
    with pytest.raises(Refusal, match="as_of must stand on a line of its own"):
        moved("{as_of: '2013-09-01', split: {by: month}}\n", "2013-10-01")


@pytest.mark.parametrize("zone", ["Mars/Olympus"])
def test_a_zone_that_is_none_is_refused_in_one_line(zone: str) -> None:
    with pytest.raises(Refusal, match="there is no zone 'Mars/Olympus'"):
        clock_in(PARAMS.format("month", zone))
