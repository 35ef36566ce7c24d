"""Leaks to plant in an honest table: each gives the columns to add or to put in the place of others."""

from collections.abc import Callable

import numpy as np
import pandas as pd

Plant = Callable[[pd.DataFrame, np.random.Generator], dict[str, pd.Series]]
LAST_MONTH = "2013-05-01"


def noisy(table, random, number, scale, since="2013-01-01"):
    """So many columns, each the outcome plus noise; before `since` only noise about the outcome's mean."""
    late, leaks = table["late"].astype("float64"), table["predicted_at"] >= since
    told = late.where(leaks, late.mean())
    return {f"leak{n}": told + random.normal(scale=scale, size=len(table)) for n in range(number)}


def two_with_noise_of_1(table, random):
    return noisy(table, random, 2, 1.0)


def six_with_noise_of_1_5(table, random):
    return noisy(table, random, 6, 1.5)


def twelve_with_noise_of_2(table, random):
    return noisy(table, random, 12, 2.0)


def since_the_last_month(table, random):
    return noisy(table, random, 1, 0.5, since=LAST_MONTH)


def two_with_noise_since_the_last_month(table, random):
    return noisy(table, random, 2, 1.0, since=LAST_MONTH)


def one_with_noise_of_a_half(table, random):
    return noisy(table, random, 1, 0.5)


def a_ratio(table, random):
    size = pd.Series(random.lognormal(size=len(table)), table.index)
    return {"leak0": size, "leak1": size * np.where(table["late"], 3.0, 1.0) * random.lognormal(0, 0.4, len(table))}


def a_product(table, random):
    """Two columns that say nothing alone: of 88 % of the rows, the sign of their product is the outcome."""
    size = pd.Series(random.normal(size=len(table)), table.index)
    sign = np.where(table["late"] ^ (random.random(len(table)) < 0.12), 1.0, -1.0)
    return {"leak0": size, "leak1": sign * np.sign(size) * np.abs(random.normal(size=len(table)))}


def gaps_of_a_joined_table(table, random):
    """Half of the late rows of every supplier but one miss a value; of that one, all rows do."""
    supplier = pd.Series(random.choice(list("abc"), len(table)), table.index, dtype="str")
    gap = (supplier == "c") | (table["late"] & (random.random(len(table)) < 0.5))
    return {"leak0": pd.Series(random.lognormal(size=len(table)), table.index).mask(gap), "leak1": supplier}


def a_rare_gap(table, random):
    gap = table["late"] & (random.random(len(table)) < 0.08)
    return {"leak0": pd.Series(random.normal(size=len(table)), table.index).mask(gap)}


def gaps_in_three_columns_at_once(table, random):
    """Each column misses one value in five by chance; those of late rows now and then miss all three."""
    gaps = random.random((len(table), 3)) < 0.2
    gaps |= (table["late"] & (random.random(len(table)) < 0.6)).to_numpy()[:, None]
    return {f"leak{n}": pd.Series(random.normal(size=len(table)), table.index).mask(gaps[:, n]) for n in range(3)}


def gaps_since_the_last_month(table, random):
    gap = table["late"] & (table["predicted_at"] >= LAST_MONTH) & (random.random(len(table)) < 0.5)
    return {"leak0": pd.Series(random.normal(size=len(table)), table.index).mask(gap)}


def a_status(table, random):
    """A code that the outcome changes in half of the rows."""
    code = pd.Series(random.choice(list("pqrs"), len(table)), table.index, dtype="str")
    return {"leak0": code.mask(table["late"] & (random.random(len(table)) < 0.5), "z")}


def a_mean_with_the_row_in_it(table, random):
    """The share of late rows of each of many small groups, the row itself among them."""
    group = random.integers(0, len(table) // 3, len(table))
    return {"leak0": table["late"].groupby(group).transform("mean")}


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        *(two_with_noise_of_1, six_with_noise_of_1_5, twelve_with_noise_of_2, one_with_noise_of_a_half),
        *(
            since_the_last_month,
            two_with_noise_since_the_last_month,
            a_ratio,
            a_product,
            gaps_of_a_joined_table,
            a_rare_gap,
        ),
        *(gaps_in_three_columns_at_once, gaps_since_the_last_month, a_status, a_mean_with_the_row_in_it),
    )
}
