"""Figures of the flights, for people who want to know the data before they model it."""

import pandas as pd
from matplotlib.axes import Axes

from flights.vocabulary import ZONE
from recommit.figures import ACCENT, SECOND, SOFT, axes, legend


def late_by_month(flights: pd.DataFrame) -> Axes:
    """Share late by month of scheduled departure in New York, with how it came about: late, cancelled, diverted."""
    month = flights["scheduled_departure"].dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    kinds = pd.DataFrame(
        {
            "arrived 15 minutes late or more": flights["late"] & ~flights["cancelled"] & ~flights["diverted"],
            "cancelled": flights["cancelled"],
            "diverted": flights["diverted"],
        }
    )
    shares = 100 * kinds.astype("float64").groupby(month).mean()
    ax = axes("Late flights by month", "month of departure", "flights, %")
    shares.plot.bar(ax=ax, stacked=True, color=[ACCENT, SECOND, SOFT], width=0.75, rot=45, legend=False)
    ax.set_xlabel("month of departure")
    legend(ax)
    return ax


def late_by_hour(flights: pd.DataFrame) -> Axes:
    """Share late by hour of scheduled departure (New York), a line an airport; without hours of under 100 flights."""
    hour = flights["scheduled_departure"].dt.tz_convert(ZONE).dt.hour.rename("hour")
    table = (
        flights.assign(late=flights["late"].astype("float64")).groupby([hour, "origin"])["late"].agg(["mean", "size"])
    )
    ax = axes(
        "Late flights by hour",
        "hour of scheduled departure, New York time",
        "late flights, %",
    )
    (100 * table["mean"].where(table["size"] >= 100)).unstack().plot(ax=ax, marker="o", markersize=3, legend=False)
    ax.set(xlabel="hour of scheduled departure, New York time", xticks=range(5, 24, 2))
    legend(ax, columns=3)
    return ax


def late_by_carrier(flights: pd.DataFrame, airlines: pd.DataFrame) -> Axes:
    """Share late by airline, best on top; the label says how many flights."""
    table = flights.assign(late=flights["late"].astype("float64")).groupby("carrier")["late"].agg(["mean", "size"])
    table = table.sort_values("mean", ascending=False)
    names = airlines.set_index("carrier")["name"].reindex(table.index)
    labels = [f"{name} ({rows:,})" for name, rows in zip(names, table["size"], strict=True)]
    ax = axes("Late flights by airline", "late flights, %", "", height=4.6)
    ax.barh(labels, 100 * table["mean"], color=ACCENT)
    ax.grid(axis="y", visible=False)
    return ax


def late_by_day(flights: pd.DataFrame) -> Axes:
    """Share late on each day of departure, New York time, and its mean over two weeks."""
    day = flights["scheduled_departure"].dt.tz_convert(ZONE).dt.normalize().dt.tz_localize(None)
    share = 100 * flights["late"].astype("float64").groupby(day).mean()
    ax = axes("Late flights by day", "day of departure", "late flights, %", height=3.0)
    ax.plot(share.index, share, color=SOFT, linewidth=0.8, label="day")
    ax.plot(share.index, share.rolling(14, center=True).mean(), color=ACCENT, label="14 days around it")
    legend(ax)
    return ax


def late_by_visibility(flights: pd.DataFrame, weather: pd.DataFrame) -> Axes:
    """Share late by the visibility in the hour of departure (not what is known two hours before)."""
    hour = flights.assign(hour_start=flights["scheduled_departure"].dt.floor("h"))
    joined = hour.merge(weather[["origin", "hour_start", "visib"]], on=["origin", "hour_start"])
    bands = pd.cut(
        joined["visib"],
        [-0.01, 0.5, 1, 2, 4, 6, 9.9, 10],
        labels=["½", "1", "2", "4", "6", "under 10", "10"],
    )
    share = 100 * joined["late"].astype("float64").groupby(bands, observed=True).mean()
    ax = axes("Late flights by visibility", "visibility up to, miles", "late flights, %", height=3.0)
    ax.bar(share.index.astype(str), share, color=ACCENT)
    return ax
