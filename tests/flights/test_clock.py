"""New York's clock, by arrays of whole seconds, is the one that its zone says, in every year that is declared."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flights import clock
from flights.columns import YEARS
from flights.vocabulary import ZONE

NEW_YORK = ZoneInfo(ZONE)
FIRST, LAST = (int(year.timestamp()) for year in YEARS)
instants = st.lists(st.integers(FIRST, LAST), min_size=1, max_size=20)


@settings(derandomize=True)
@given(instants)
def test_clocks_show_what_the_zone_says(seconds):
    shown = [datetime.fromtimestamp(second, UTC).astimezone(NEW_YORK).replace(tzinfo=UTC) for second in seconds]
    assert clock.local(np.array(seconds)).tolist() == [int(one.timestamp()) for one in shown]


@settings(derandomize=True)
@given(instants)
def test_a_day_is_from_midnight_to_midnight_however_many_hours_it_has(seconds):
    seconds += [int(datetime(2013, month, day, 12, tzinfo=UTC).timestamp()) for month, day in ((3, 10), (11, 3))]
    for second, start, end in zip(seconds, *clock.day(clock.local(np.array(seconds))), strict=True):
        midnight = datetime.fromtimestamp(second, NEW_YORK).replace(hour=0, minute=0, second=0, fold=0)
        following = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=NEW_YORK)
        assert (start, end) == (midnight.timestamp(), following.timestamp())
