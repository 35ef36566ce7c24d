"""The scores of an answer: what each is called, which way it points, its unit, and what it says."""

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


BINARY = {
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
        *("Calibration error", False, "the answer's unit"),
        "how far an answer is, on average, from the mean of what then came",
    ),
}
"""The scores of a probability, by their names in evidence."""

NUMBER = {
    "squared_error": Score(
        *("Squared error", False, "the target's unit, squared"),
        "the mean squared distance of the predicted and the true number",
    ),
    "absolute_error": Score(
        *("Absolute error", False, "the target's unit"),
        "the mean distance of the predicted and the true number",
    ),
    "explained": Score(
        *("Explained variance", True, "share of the variance"),
        "by how much the squared error is below that of always answering the mean of these rows (R squared)",
    ),
    "calibration_error": BINARY["calibration_error"],
}
"""The scores of a predicted number, by their names in evidence."""

CLASSES = {
    "log_loss": BINARY["log_loss"],
    "accuracy": Score(
        *("Accuracy", True, "share of rows"),
        "how often the most likely class came; always saying the most frequent class has that class's share",
    ),
    "macro_auc": Score(
        *("Mean ROC AUC", True, "share of pairs"),
        "the ROC AUC of each class against all others, their mean; a guess has 0.5",
    ),
    "brier_sum": Score(
        *("Brier score, all classes", False, "squared probability"),
        "the squared distance of probability and outcome, summed over the classes, their mean",
    ),
    "calibration_error": BINARY["calibration_error"],
}
"""The scores of the probabilities of several classes, by their names in evidence."""

SCORES = BINARY | NUMBER | CLASSES
"""Every score by its name in evidence, in the order in which they are shown."""
