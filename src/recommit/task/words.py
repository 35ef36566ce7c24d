"""What figures and reports call an answer."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Words:
    """What is `said` (the answer), what `came` (its mean in a group of rows), and the rest.

    `mean` is that of `Task.counted`, `moved` what an explanation adds up to, `calibrated` the calibration's title.

    Examples: "probability of late", "share that was late", "log-odds of late".
    """

    said: str
    came: str
    mean: str
    moved: str
    calibrated: str


@dataclass(frozen=True)
class Curve:
    """The curve that shows a candidate's worst and best rows: `points` has the columns x and y, each with its words.

    `label` is what stands in the legend, and `by_chance` whether a guess follows the diagonal.
    """

    title: str
    x: str
    y: str
    points: pd.DataFrame
    label: str
    by_chance: bool
