"""The clock that New York goes by, for arrays of instants."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from flights.vocabulary import ZONE

DAY = 86_400


def local(seconds: np.ndarray) -> np.ndarray:
    """Seconds (UTC, since 1970, int64) as New York's clocks show them: those since its own midnight in 1970."""
    hours = seconds // 3600
    return seconds + np.fromiter(map(_ahead, hours.ravel().tolist()), "int64", hours.size).reshape(hours.shape)


def day(shown: np.ndarray) -> np.ndarray:
    """The seconds (UTC) at which a New York day and the next one begin, (2, n), for seconds as its clocks show them."""
    midnight = (shown // DAY + np.array([[0], [1]])) * DAY
    guess = midnight + 5 * 3600  # midnight or one o'clock there: clocks change at two
    return guess - (local(guess) - midnight)


@lru_cache(maxsize=50_000)
def _ahead(hour: int) -> int:
    """Seconds that New York is ahead of UTC in an hour since 1970: clocks change at a full hour only."""
    ahead = datetime.fromtimestamp(hour * 3600, UTC).astimezone(ZoneInfo(ZONE)).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds())
