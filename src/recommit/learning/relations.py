"""Measure how a period's label goes with other columns, with the volume, and with the features.

A label that is true more often than before is no fault of the data. A label that no longer goes with what it went with
before is one: labels that were flipped, shifted or filtered may keep their share, but lose these relations.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from recommit.learning.periods import Monitored, Number, Period, exactly

LEAST_ROWS = 100
LEAST_DAYS = 14
_SHRINKAGE = 0.005  # ridge penalty as a share of the rows; a larger one spreads weight over overlapping features
_CLIP = 4.0  # standard deviations: a few extreme rows must not determine the line


def describe(period: Period, monitored: Monitored) -> Iterator[Number]:
    """Every number of a period about related columns and the label.

    - relation: of a declared pair, how well the second column orders the first: the area under the ROC curve where
      the first is yes or no, else Spearman's rank correlation;
    - rows by label: how the log of the rows of a day changes with the label's mean of that day, both less what is usual
      for its day of the week: the median of the slopes of all pairs of days (Theil 1950, Sen 1968). Where a share f of
      the rows with label 1 was taken away, that is log(1 - f) or so lower.
    """
    rows = period.rows[~period.rows["__repeat"]]
    for first, second in monitored.related:
        yield first, "relation", second, exactly(_order(rows[first], rows[second]))
    if monitored.label and monitored.label in rows and monitored.rows_follow:
        yield monitored.label, "rows by label", "", exactly(_volume_slope(rows, monitored))


def learned(found: Sequence[Period], monitored: Monitored) -> dict[str, list[Number]]:
    """Return the numbers of each period, by name, of a quick model of the label that is fitted on all other periods.

    - discrimination: how well it orders the period's label, as `relation` does;
    - gap: the mean of what it predicts less the mean of the label.

    The model is a straight line by least squares with a ridge penalty, of standardized numbers, of whether they are
    missing, and of each value of the categories: sums of products over each period give all fits at once. Periods
    without a known label are left out; of a period with fewer than `LEAST_ROWS` labels nothing is said.
    """
    if not monitored.predictors:
        return {}
    known = {period.name: period.rows[period.rows[monitored.label].notna()] for period in found}
    known = {name: rows for name, rows in known.items() if len(rows) >= LEAST_ROWS}
    if len(known) < 2:
        return {}
    scales = _scales(list(known.values()), monitored)
    values = {column: found[0].values[column] for column in monitored.predictors if column in monitored.categories}
    sums = {}
    for name, rows in known.items():
        inputs = _inputs(rows, scales, values)
        sums[name] = (inputs.T @ inputs, inputs.T @ _numeric(rows[monitored.label]))
    numbers: dict[str, list[Number]] = {}
    for name, rows in known.items():
        others = [other for other in known if other != name]
        products, moments = (sum(sums[other][part] for other in others) for part in (0, 1))
        penalty = np.full(len(moments), _SHRINKAGE * products[0, 0])
        penalty[0] = 0
        weights = np.linalg.solve(products + np.diag(penalty + 1e-6), moments)
        predicted, label = _inputs(rows, scales, values) @ weights, rows[monitored.label]
        numbers[name] = [
            (monitored.label, "discrimination", "", exactly(_order(label, pd.Series(predicted, rows.index)))),
            (monitored.label, "gap", "", exactly(predicted.mean() - _numeric(label).mean())),
        ]
    return numbers


def against_source(
    found: Sequence[Period], monitored: Monitored, source: pd.DataFrame, of: Monitored
) -> dict[str, list[Number]]:
    """Return the numbers of each period, by name, about the source table, whose rows have the same key.

    - kept: the share of the source's rows of the period that are here, in any period;
    - agreed: of rows whose label both know, the share that has the source's.
    """
    key = list(monitored.key)
    here = pd.MultiIndex.from_frame(pd.concat([period.rows[key] for period in found]))
    kept = pd.Series(pd.MultiIndex.from_frame(source[key]).isin(here), index=source.index)
    at = source[of.at]
    numbers: dict[str, list[Number]] = {}
    for period in found:
        numbers[period.name] = [("", "kept", "", exactly(kept[(at >= period.opens) & (at < period.ends)].mean()))]
        if monitored.label in period.rows and of.label:
            both = period.rows[[*key, monitored.label]].merge(
                source[[*key, of.label]], on=key, suffixes=("", "_source")
            )
            label, original = both[monitored.label], both.iloc[:, -1]
            same = (_numeric(label) == _numeric(original))[(label.notna() & original.notna()).to_numpy()]
            numbers[period.name].append((monitored.label, "agreed", "", exactly(same.mean() if len(same) else np.nan)))
    return numbers


def _numeric(values: pd.Series) -> np.ndarray:
    return values.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)


def _order(first: pd.Series, second: pd.Series) -> float:
    x, y = _numeric(first), _numeric(second)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < LEAST_ROWS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    ranks = stats.rankdata(y)
    if set(np.unique(x)) <= {0, 1}:
        ones = x.sum()
        return float((ranks[x == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(x) - ones)))
    return float(np.corrcoef(stats.rankdata(x), ranks)[0, 1])


def _volume_slope(rows: pd.DataFrame, monitored: Monitored) -> float:
    local = rows[monitored.at].dt.tz_convert(monitored.rows_follow).dt.tz_localize(None)
    label = pd.Series(_numeric(rows[monitored.label]), rows.index)
    # The first and the last day are cut where the zone's midnight is not that of UTC.
    days = label.groupby(local.dt.floor("D")).agg(["size", "count", "mean"])
    days = days.sort_index().iloc[1:-1]
    days = days[days["count"] > days["size"] / 2]
    if len(days) < LEAST_DAYS or days["mean"].nunique() < 2:
        return np.nan
    weekday = pd.DatetimeIndex(days.index).day_of_week
    volume = np.log(days["size"])
    usual, outcome = volume.groupby(weekday).transform("median"), days["mean"].groupby(weekday).transform("mean")
    y, x = (volume - usual).to_numpy(), (days["mean"] - outcome).to_numpy()
    across, up = np.subtract.outer(x, x), np.subtract.outer(y, y)
    return float(np.median(up[across > 0] / across[across > 0]))


Scales = dict[str, tuple[float, float]]


def _scales(parts: list[pd.DataFrame], monitored: Monitored) -> Scales:
    scales = {}
    for column in monitored.predictors:
        if column in monitored.numbers:
            values = np.concatenate([_numeric(part[column]) for part in parts])
            values = values[np.isfinite(values)]
            if len(values) and values.std() > 0:
                scales[column] = (float(values.mean()), float(values.std()))
    return scales


def _inputs(rows: pd.DataFrame, scales: Scales, values: dict[str, list[str]]) -> np.ndarray:
    columns = [np.ones(len(rows))]
    for column, (mean, deviation) in scales.items():
        scaled = np.clip((_numeric(rows[column]) - mean) / deviation, -_CLIP, _CLIP)
        missing = np.isnan(scaled)
        columns += [np.where(missing, 0.0, scaled), missing.astype("float64")]
    for column, known in values.items():
        place = pd.Categorical(rows[column].astype("str"), categories=known).codes
        columns += list((place == np.arange(len(known))[:, None]).astype("float64"))
    return np.column_stack(columns)
