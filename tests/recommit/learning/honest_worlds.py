"""Honest tables of many kinds: none holds a leak, whatever it looks like."""

from collections.abc import Callable

import numpy as np
import pandas as pd

AS_OF = "2013-07-01"
START, END = "2013-01-01", "2013-06-30"
Table = pd.DataFrame
World = Callable[[np.random.Generator], Table]


def frame(random: np.random.Generator, a_day: int = 120) -> Table:
    """Rows without a target: key, instants, and the day's own mood that no column tells exactly."""
    days = pd.date_range(START, END, tz="UTC")
    rows = len(days) * a_day
    day = np.repeat(np.arange(len(days)), a_day)
    at = days[day] + pd.to_timedelta(np.sort(random.integers(0, 86400, (len(days), a_day))).ravel(), unit="s")
    known = at + pd.Timedelta(hours=4)
    mood = random.normal(size=len(days))[day]
    return pd.DataFrame({"id": np.arange(rows), "predicted_at": at, "label_known_at": known, "mood": mood})


def settled(table: Table, random: np.random.Generator, logit: np.ndarray) -> Table:
    """The table with its target, drawn by these log-odds, and without what no column may tell."""
    late = random.random(len(table)) < 1 / (1 + np.exp(-np.asarray(logit)))
    return table.assign(late=late).drop(columns="mood")


def columns_of(table: Table) -> list[str]:
    """The feature columns."""
    return [name for name in table if name not in ("id", "predicted_at", "label_known_at", "late")]


def weak(random):
    t = frame(random)
    n = len(t)
    t = t.assign(a=random.normal(size=n), b=random.normal(size=n), c=random.choice(list("xyz"), n))
    return settled(t, random, -1.2 + 0.3 * t["a"] + 0.2 * (t["c"] == "x"))


def pure_chance(random):
    t = frame(random).assign(a=lambda t: random.normal(size=len(t)), b=lambda t: random.choice(list("xyz"), len(t)))
    return settled(t, random, np.full(len(t), -1.0))


def strong_days(random):
    t = frame(random)
    t = t.assign(storm=t["mood"] + random.normal(scale=0.2, size=len(t)), queue=random.poisson(3, len(t)) * 1.0)
    return settled(t, random, -1.2 + 2.5 * t["mood"])


def one_strong_number(random):
    t = frame(random).assign(load=lambda t: random.normal(size=len(t)), wind=lambda t: random.normal(size=len(t)))
    return settled(t, random, -1.5 + 2.0 * t["load"] + 0.3 * t["wind"])


def one_very_strong_number(random):
    t = frame(random).assign(load=lambda t: random.normal(size=len(t)), wind=lambda t: random.normal(size=len(t)))
    return settled(t, random, -2.0 + 5.0 * t["load"])


def busy_street(random):
    """Hour and weekday, of a street that is jammed at known hours and free at all others."""
    t = frame(random).assign(
        hour=lambda t: t["predicted_at"].dt.hour.astype("float64"),
        weekday=lambda t: t["predicted_at"].dt.day_name().astype("str"),
        rain=lambda t: t["mood"] + random.normal(size=len(t)),
    )
    jammed = t["hour"].between(7, 10) & ~t["weekday"].isin(["Saturday", "Sunday"])
    return settled(t, random, np.where(jammed, 2.5, -4.0))


def hours(random):
    t = frame(random).assign(hour=lambda t: t["predicted_at"].dt.hour.astype("float64"))
    t = t.assign(load=random.normal(size=len(t)))
    return settled(t, random, -1.5 + 0.09 * (t["hour"] - 12) + 0.3 * t["load"])


def telling_category(random):
    """A customer of a few in a hundred rows who is late in 95 %."""
    t = frame(random).assign(customer=lambda t: random.choice(list("abcde"), len(t), p=[0.4, 0.3, 0.15, 0.11, 0.04]))
    t = t.assign(load=random.normal(size=len(t)))
    return settled(t, random, np.where(t["customer"] == "e", 3.0, -1.5 + 0.3 * t["load"]))


def rare_categories(random):
    t = frame(random).assign(place=lambda t: random.zipf(1.6, len(t)).clip(max=900))
    effect = random.normal(scale=0.8, size=901)
    t = t.assign(place=t["place"].astype("str"), load=random.normal(size=len(t)))
    return settled(t, random, -1.2 + effect[t["place"].astype("int64")] + 0.3 * t["load"])


def seasons(random):
    t = frame(random)
    turn = np.sin(2 * np.pi * t["predicted_at"].dt.day_of_year / 365)
    t = t.assign(warmth=20 * turn + random.normal(scale=4, size=len(t)), load=random.normal(size=len(t)))
    return settled(t, random, -1.2 + 1.2 * turn + 0.5 * t["load"])


def drift(random):
    """A column whose effect grows from month to month."""
    t = frame(random).assign(load=lambda t: random.normal(size=len(t)))
    grown = np.linspace(0.2, 1.2, len(t))
    return settled(t, random, -1.2 + grown * t["load"])


def sudden_base_rate(random):
    """In the last month twice as many are late, for a reason that no column tells."""
    t = frame(random).assign(load=lambda t: random.normal(size=len(t)))
    return settled(t, random, -1.8 + 1.2 * (t["predicted_at"] >= "2013-06-01") + 0.6 * t["load"])


def groups(random):
    """Shops with rates of their own, and a column of each shop's size."""
    t = frame(random)
    rate, size = random.normal(size=40), random.lognormal(size=40)
    shop = random.integers(0, 40, len(t))
    t = t.assign(shop=shop.astype("str"), size=size[shop], load=random.normal(size=len(t)))
    return settled(t, random, -1.2 + 0.7 * rate[shop] + 0.2 * t["load"])


def few_rows(random):
    t = frame(random, a_day=6).assign(
        load=lambda t: random.normal(size=len(t)), c=lambda t: random.choice(list("xy"), len(t))
    )
    return settled(t, random, -1.0 + 0.8 * t["load"])


def two_a_day(random):
    t = frame(random, a_day=2).assign(load=lambda t: t["mood"] + random.normal(size=len(t)))
    return settled(t, random, -1.0 + 0.8 * t["mood"])


def many_columns(random):
    t = frame(random)
    names = [f"c{n}" for n in range(60)]
    values = random.normal(size=(len(t), 60))
    t = pd.concat([t, pd.DataFrame(values, columns=names)], axis=1)
    return settled(t, random, -1.2 + values @ (random.normal(size=60) * 0.1))


def copies(random):
    """One thing measured in four units, with a little noise."""
    t = frame(random)
    load = random.normal(size=len(t))
    measured = {f"unit{n}": (n + 1) * load + random.normal(scale=0.05, size=len(t)) for n in range(4)}
    return settled(t.assign(**measured), random, -1.2 + 0.9 * load)


def missing_in_storms(random):
    t = frame(random)
    wind = (t["mood"] + random.normal(scale=0.3, size=len(t))).mask(random.random(len(t)) < 0.4 * (t["mood"] > 1))
    t = t.assign(wind=wind, load=random.normal(size=len(t)))
    return settled(t, random, -1.2 + 1.5 * t["mood"] + 0.3 * t["load"])


def missing_by_supplier(random):
    """A joined table that has no row for one supplier, nor for some items of the others."""
    t = frame(random).assign(supplier=lambda t: random.choice(list("abc"), len(t), p=[0.5, 0.3, 0.2]))
    gap = (t["supplier"] == "c") | (random.random(len(t)) < 0.1)
    t = t.assign(weight=pd.Series(random.lognormal(size=len(t))).mask(gap), load=random.normal(size=len(t)))
    return settled(t, random, -1.2 + 1.0 * (t["supplier"] == "c") + 0.4 * t["load"])


def missing_for_small_ones(random):
    """Small orders are less often asked their size, and are less often late."""
    t = frame(random)
    size = random.lognormal(size=len(t))
    asked = random.random(len(t)) < np.clip(size / 2, 0.2, 1)
    return settled(t.assign(size=pd.Series(size).where(asked)), random, -1.6 + 0.5 * np.log(size))


def heavy_tails(random):
    t = frame(random).assign(amount=lambda t: random.standard_cauchy(len(t)), load=lambda t: random.normal(size=len(t)))
    return settled(t, random, -1.2 + 0.8 * np.tanh(t["amount"]) + 0.3 * t["load"])


def one_in_a_hundred(random):
    t = frame(random, a_day=240).assign(
        load=lambda t: random.normal(size=len(t)), c=lambda t: random.choice(list("xyz"), len(t))
    )
    return settled(t, random, -5.2 + 0.9 * t["load"] + 0.5 * (t["c"] == "x"))


def one_in_a_hundred_and_strong(random):
    t = frame(random, a_day=240).assign(
        load=lambda t: random.normal(size=len(t)), wind=lambda t: random.normal(size=len(t))
    )
    return settled(t, random, -6.5 + 2.0 * t["load"])


def six_in_ten(random):
    t = frame(random).assign(load=lambda t: random.normal(size=len(t)), c=lambda t: random.choice(list("xyz"), len(t)))
    return settled(t, random, 0.4 + 0.7 * t["load"] + 0.4 * (t["c"] == "x") + 0.5 * t["mood"])


def recent_lateness(random):
    """The share of late ones among yesterday's rows: a fact, and no leak."""
    t = frame(random)
    mood = t["mood"].groupby(t["predicted_at"].dt.floor("D")).first()
    smooth = mood.ewm(span=4).mean() * 2
    day = t["predicted_at"].dt.floor("D")
    t = settled(t, random, -1.2 + day.map(smooth).to_numpy())
    share = t.groupby(day)["late"].mean().shift(1)
    return t.assign(yesterday=day.map(share).to_numpy(), load=random.normal(size=len(t)))


def prices_in_steps(random):
    """Whole numbers with one commonest value, and dates of birth as instants."""
    t = frame(random)
    price = random.choice([0.0, 5.0, 10.0, 99.0], len(t), p=[0.6, 0.2, 0.15, 0.05])
    born = pd.Timestamp("1980-01-01") + pd.to_timedelta(random.integers(0, 9000, len(t)), unit="D")
    return settled(t.assign(price=price, born=born), random, -1.4 + 0.1 * price.clip(max=12))


def interplay(random):
    """Two numbers that matter only by whether they have one sign."""
    t = frame(random).assign(a=lambda t: random.normal(size=len(t)), b=lambda t: random.normal(size=len(t)))
    return settled(t, random, -1.2 + 0.6 * np.sign(t["a"] * t["b"]))


def quiet_nights(random):
    """At night hardly anything is late, and by day one in four is."""
    t = frame(random).assign(hour=lambda t: t["predicted_at"].dt.hour.astype("float64"))
    return settled(t.assign(load=random.normal(size=len(t))), random, np.where(t["hour"] < 5, -3.5, -1.0))


WORLDS: dict[str, World] = {
    world.__name__: world
    for world in (
        *(weak, pure_chance, strong_days, one_strong_number, one_very_strong_number, busy_street, hours),
        *(telling_category, rare_categories, seasons, drift, sudden_base_rate, groups, few_rows, two_a_day),
        *(many_columns, copies, missing_in_storms, missing_by_supplier, missing_for_small_ones, heavy_tails),
        *(one_in_a_hundred, one_in_a_hundred_and_strong, six_in_ten, recent_lateness, prices_in_steps, interplay),
        quiet_nights,
    )
}
