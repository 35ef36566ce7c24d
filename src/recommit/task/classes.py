"""A question with three outcomes or more: the answer is the probability of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.artifact.answers import ClassesAnswers, Tempered, answers_in, probabilities_of, sets_of
from recommit.artifact.calibration import SMALLEST, Temperature
from recommit.artifact.sets import Several, check_classes, codes, from_words
from recommit.evidence.scores import CLASSES, Score
from recommit.task.conformal import quantile, quantiles
from recommit.task.probabilities import Chances, ranking
from recommit.task.words import Curve, Words

if TYPE_CHECKING:  # and in the methods that need more than numpy: who serves needs none of them
    from recommit.learning.intervals import Blocks, Estimate

_POINTS = 101
_SUM = 1e-3  # float32 probabilities of a thousand classes add up to 1 within this


@dataclass(frozen=True)
class Classes(Chances):
    """The truth is one of `classes`, as text; the answer has the probability of each, (n, k), in that order."""

    classes: tuple[str, ...]
    parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    kind: ClassVar[str] = "classes"
    column: ClassVar[str] = ClassesAnswers.column
    dtype: ClassVar[str] = "str"
    scores: ClassVar[Mapping[str, Score]] = CLASSES
    size: ClassVar[str] = "mean number of classes in a set"
    uncalibrated: ClassVar[Temperature] = Temperature(1.0)

    def __post_init__(self) -> None:
        """Raise ValueError for fewer than three classes, or where two of them or their sets could be confused."""
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(self.classes) < 3:
            raise ValueError(f"{len(self.classes)} classes: three or more are needed; of two, take Binary")
        check_classes(self.classes)
        object.__setattr__(self, "parts", tuple(f"answer_{name}" for name in self.classes))

    def fit(self, model: Any, rows: pd.DataFrame, truth: ArrayLike) -> Any:
        """Fit `model` on the places of the true classes, so that its own order is that of `classes`."""
        return model.fit(rows, codes(truth, self.classes))

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return the probabilities that a classifier from `fit` gives each row: 0 of a class that it never saw."""
        found = np.zeros((len(rows), len(self.classes)))
        found[:, np.asarray(fitted.classes_, dtype="int64")] = fitted.predict_proba(rows)
        return found

    def constant(self, truth: ArrayLike) -> np.ndarray:
        """Return the share of each class, (1, k)."""
        return self._shares(truth)[None]

    def sound(self, answer: ArrayLike) -> np.ndarray:
        """Return whether the numbers of each answer are within 0 to 1 and add up to 1."""
        chance = np.asarray(answer, dtype="float64")
        return ((chance >= 0) & (chance <= 1)).all(axis=1) & (np.abs(chance.sum(axis=1) - 1) <= _SUM)

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the log loss of each row, in nats: what the probability of its true class costs."""
        place, chance = self._checked(truth, answer)
        return -np.log(np.maximum(chance[np.arange(len(place)), place], np.finfo("float64").eps))

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "dict[str, Estimate]":
        """Return log loss, accuracy, the mean AUC of one class against the rest, Brier score and calibration error."""
        from recommit.learning.intervals import Estimate
        from recommit.task.bins import calibration_error

        place, chance = self._checked(truth, answer)
        came = self._came(place)
        ranked = [ranking(true, said) for true, said in zip(came.T, chance.T, strict=True)]
        errors = [calibration_error(true, said, blocks) for true, said in zip(came.T, chance.T, strict=True)]
        return {
            "log_loss": blocks.ratio(self.losses(truth, answer)),
            "accuracy": blocks.ratio((chance.argmax(axis=1) == place).astype("float64")),
            "macro_auc": blocks.statistic(lambda weights: np.mean([one.auc(weights) for one in ranked]), (0, 1)),
            "brier_sum": blocks.ratio(((chance - came) ** 2).sum(axis=1)),
            "calibration_error": Estimate(
                np.mean([one.value for one in errors], axis=0),
                np.mean([one.without for one in errors], axis=0),
                blocks.seed,
                (0, np.inf),
            ),
        }

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "Estimate":
        """Return the mean probability less the share that came, of the class of which the two are farthest apart."""
        place, chance = self._checked(truth, answer)
        apart = chance - self._came(place)
        return blocks.ratio(apart[:, np.abs(apart.mean(axis=0)).argmax()])

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> Temperature:
        """Return the temperature that suits the truth best (Guo, Pleiss, Sun and Weinberger 2017)."""
        from recommit.task.temperature import fit_temperature

        return fit_temperature(*self._checked(truth, answer))

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float, by_outcome: bool = False) -> Several:
        """Return the least ambiguous sets of classes that hold the truth at `level` (Sadinle, Lei, Wasserman 2019)."""
        place, chance = self._checked(truth, answer)
        scores = 1 - chance[np.arange(len(place)), place]
        found = quantiles(scores, place, self.classes, level) if by_outcome else quantile(scores, level)
        return Several(level, found, self.classes)

    def answers(
        self, calibration: Temperature, sets: Several, truth: ArrayLike, threshold: float | None
    ) -> ClassesAnswers:
        """Return the classes, the temperature and the sets; classes have no threshold."""
        return ClassesAnswers(
            classes=list(self.classes),
            calibration=Tempered(temperature=calibration.temperature),
            conformal=sets_of(sets),
        )

    def written(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return the probabilities in a table of predictions, (n, k)."""
        return answers_in(predictions, probabilities_of(self.classes))

    def held(self, truth: ArrayLike, predictions: pd.DataFrame) -> np.ndarray:
        """Return whether the set in words holds the true class."""
        place = codes(truth, self.classes)
        return from_words(predictions["set"], self.classes)[np.arange(len(place)), place]

    def sizes(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return how many classes the set in words holds."""
        return np.asarray(from_words(predictions["set"], self.classes).sum(axis=1))

    def groups(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the rows of each class."""
        return dict(zip(self.classes, self._came(codes(truth, self.classes)).T.astype(bool), strict=True))

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return for each class the question whether it is that one."""
        return self.groups(truth)

    def said(self, answer: ArrayLike) -> np.ndarray:
        """Return the probability of the most likely class."""
        return np.asarray(answer, dtype="float64").max(axis=1)

    def came(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return 1 where the most likely class came, 0 elsewhere."""
        place, chance = self._checked(truth, answer)
        return (chance.argmax(axis=1) == place).astype("float64")

    def pairs(self, truth: ArrayLike, answer: ArrayLike) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return for each class whether it came, and its probability."""
        place, chance = self._checked(truth, answer)
        return dict(zip(self.classes, zip(self._came(place).T, chance.T, strict=True), strict=True))

    def counted(self, truth: pd.Series) -> pd.Series:
        """Return whether it is the most frequent class."""
        return truth == self.classes[int(self._shares(truth).argmax())]

    def tracked(self, truth: pd.Series) -> pd.Series:
        """Return the places of the true classes, from 0; missing where they are not known."""
        return truth.map({name: float(place) for place, name in enumerate(self.classes)}).astype("Float64")

    def moved(self, answer: ArrayLike, asked: ArrayLike) -> np.ndarray:
        """Return the log-odds of the class that is most likely by the answer `asked`, (1, k)."""
        place = int(np.asarray(asked)[0].argmax())
        chance = np.clip(np.asarray(answer, dtype="float64"), SMALLEST, 1 - SMALLEST)
        return np.log(chance[:, place]) - np.log(1 - chance[:, place])

    def words(self, target: str) -> Words:
        """Return the words for the probability of a class."""
        return Words(
            said="probability of the class",
            came="share that was of the class",
            mean="share of the most frequent class",
            moved="log-odds of the most likely class",
            calibrated="When it says 30 %, is it 30 %?",
        )

    def shown(self, answer: float) -> str:
        """Return the probability of the most likely class in per cent."""
        return f"a probability of {answer:.0%} of the most likely class"

    def curve(self, truth: ArrayLike, answer: ArrayLike, judged: "Mapping[str, Estimate]") -> Curve:
        """Return the mean of the ROC curves of each class against the rest, at evenly spaced false positive rates."""
        from sklearn.metrics import roc_curve

        grid = np.linspace(0, 1, _POINTS)
        found = [
            np.interp(grid, *roc_curve(came, said)[:2])
            for came, said in self.pairs(truth, answer).values()
            if any(came)
        ]
        return Curve(
            title="Which alarms are false, which are missed?",
            x="share of the others called of a class, mean of classes",
            y="share of the class found",
            points=pd.DataFrame({"x": grid.round(4), "y": np.mean(found, axis=0).round(6)}),
            label=f"candidate, mean area {judged['macro_auc'].interval()}",
            by_chance=True,
        )

    def _shares(self, truth: ArrayLike) -> np.ndarray:
        return self._came(codes(truth, self.classes)).mean(axis=0)

    def _came(self, place: np.ndarray) -> np.ndarray:
        """Return 1 for the true class of each row, 0 for the others, (n, k)."""
        return np.eye(len(self.classes))[place]

    def _checked(self, truth: ArrayLike, answer: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the true classes, (n,), and the probabilities, (n, k)."""
        place, chance = codes(truth, self.classes), np.asarray(answer, dtype="float64")
        if chance.shape != (len(place), len(self.classes)) or not len(place):
            raise ValueError(f"{len(place)} true classes and probabilities {chance.shape} do not match")
        if not self.sound(chance).all():
            raise ValueError("probabilities must be within 0 to 1 and add up to 1, none missing")
        return place, chance
