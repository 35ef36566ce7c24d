"""The scores of a binary forecast: what each is called, which way it points, its unit, and what it says."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """A score: its name for people, its direction, its unit, and what it says in plain words."""

    name: str
    higher_is_better: bool
    unit: str
    words: str

    @property
    def heading(self) -> str:
        """The name with an arrow that shows in which direction the score is better."""
        return f"{self.name} {'↑' if self.higher_is_better else '↓'}"

    def gain(self, candidate: Any, other: Any) -> Any:
        """By how much `candidate` is better than `other`: above 0 is better, whichever way the score points."""
        return candidate - other if self.higher_is_better else other - candidate


SCORES = {
    "auc": Score(
        *("ROC AUC", True, "share of pairs"),
        "the chance that a row that came true got the higher probability of two; a guess has 0.5",
    ),
    "average_precision": Score(
        *("Average precision", True, "share of rows"),
        "of the rows ranked highest, how many came true, over all cuts; a guess has the share that came true",
    ),
    "log_loss": Score(
        *("Log loss", False, "nats a row"),
        "the price of the stated probabilities, dear where a confident one was wrong",
    ),
    "brier": Score("Brier score", False, "squared probability", "the mean squared distance of probability and outcome"),
    "calibration_error": Score(
        *("Calibration error", False, "probability"),
        "how far a stated probability is, on average, from the share that then came true",
    ),
}
"""Every score by its name in evidence, in the order in which they are shown."""
