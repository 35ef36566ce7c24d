"""The bounds above which columns are said to give the target away."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The bounds of all looks at columns, as `leakage` in params.yaml explains them; all but `exact` raise questions.

    `rows`: training rows looked at. `exact`: columns that remove this share of the errors of always guessing the
    commoner outcome are the target. `auc`: area under the ROC curve of a column, a pair, a linear combination. `worth`:
    what the strongest columns save, as a share of the log loss that is left when they are shuffled within their day.
    `rise`: by how much that share may be higher in a period than in those before it. `odds`: how many times the odds of
    its day the rows of one value may have.
    """

    rows: int = 40_000
    exact: float = 0.99
    auc: float = 0.95
    worth: float = 0.15
    rise: float = 0.05
    odds: float = 20.0
