"""A question with two outcomes: the answer is the probability of the second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import logit

from recommit.artifact.sets import Conformal
from recommit.evidence.scores import BINARY, Score
from recommit.learning.calibrate import Platt, fit_platt
from recommit.learning.conformal import conformalize
from recommit.learning.intervals import Blocks, Estimate
from recommit.learning.judging import calibration_gap, judge
from recommit.learning.scores import log_losses

CLOSEST = 1e-7
"""Distance from 0 and 1 that single precision can still represent."""


@dataclass(frozen=True)
class Binary:
    """The truth is 0 or 1, and `outcomes` names both: (no, yes). The answer is the probability of a yes."""

    outcomes: tuple[str, str]

    kind: ClassVar[str] = "binary"
    loss_unit: ClassVar[str] = "nats"
    dtype: ClassVar[str] = "bool"
    loss: ClassVar[str] = "log_loss"
    scores: ClassVar[Mapping[str, Score]] = BINARY

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of a yes that a fitted classifier gives each row."""
        return np.asarray(fitted.predict_proba(rows)[:, 1])

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the log loss of each row, in nats."""
        return log_losses(truth, answer)

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> dict[str, Estimate]:
        """Return log loss, Brier score, calibration error, and the two scores that rank."""
        return judge(truth, answer, blocks)

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> Estimate:
        """Return the mean probability less the share that came true."""
        return calibration_gap(truth, answer, blocks)

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> Platt:
        """Return the straight line in log-odds that suits the truth best (Platt 1999)."""
        return fit_platt(truth, answer)

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float) -> Conformal:
        """Return the sets of outcomes that hold the truth at `level`."""
        return conformalize(truth, answer, level)

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the target itself."""
        return {self.outcomes[1]: np.asarray(truth, dtype="bool")}

    def moved(self, answer: ArrayLike) -> np.ndarray:
        """Return the log-odds."""
        return np.asarray(logit(np.clip(answer, CLOSEST, 1 - CLOSEST)))
