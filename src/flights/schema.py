"""What must hold across the flights and between their tables: see `recommit.validation` for all other rules."""

from collections.abc import Iterator, Mapping

import pandas as pd

from flights.vocabulary import ZONE
from recommit.problem import Failure

ROWS_PER_MONTH = (20_000, 35_000)
LATE_SHARE_PER_MONTH = (0.05, 0.6)
_SHOWN = 5


def across(tables: Mapping[str, pd.DataFrame], share: float, clock: pd.Timestamp | None) -> Iterator[Failure]:
    """Yield the rules that `tables`, by name, break; a rule between two is checked where both are there.

    `share` of all flights is what `sources.sample` kept: the rows expected in a month go down with it. How many are
    late in a month is judged for flights whose label is known before `clock` (UTC): nobody knows the others'.
    """
    flights = tables.get("flights")
    if flights is None:
        return
    yield from _monthly(flights, share, clock)
    for column, other, key in (("carrier", "airlines", "carrier"), ("origin", "airports", "faa")):
        if other in tables:
            absent = flights.loc[~flights[column].isin(tables[other][key]), "flight_id"]
            if len(absent):
                first = ", ".join(str(flight) for flight in absent[:_SHOWN])
                yield "flights", column, f"is in {other}", len(absent), first


def _monthly(flights: pd.DataFrame, share: float, clock: pd.Timestamp | None) -> Iterator[Failure]:
    month = flights["scheduled_departure"].dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    counts = month.value_counts().sort_index()
    least, most = (share * rows for rows in ROWS_PER_MONTH)
    # The first and last months may be cut; too many rows are a fault in any month.
    cut = counts.index.isin([counts.index[0], counts.index[-1]])
    odd = counts[(counts > most) | ((counts < least) & ~cut)]
    if len(odd):
        rule = f"has {least:.0f} to {most:.0f} rows a month"
        yield "flights", "", rule, int(odd.sum()), ", ".join(odd.index)
    known = flights[flights["label_known_at"] < clock] if clock is not None else flights
    shares = known["late"].astype("float64").groupby(month).mean()
    low, high = LATE_SHARE_PER_MONTH
    # A share of few rows says little.
    odd = shares[~shares.between(low, high) & (counts.reindex(shares.index) > 1000)]
    if len(odd):
        rule = f"is true for {low:.0%} to {high:.0%} of a month"
        yield "flights", "late", rule, int(month.isin(odd.index).sum()), ", ".join(odd.index)
