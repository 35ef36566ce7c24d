"""What `recommit new` was told of a table or guessed from it; a project keeps it, for `recommit update`."""

import keyword
import re
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from recommit import Refusal


@dataclass(frozen=True)
class Answers:
    """All that a new project depends on, besides its table and the declaration of its columns.

    `name` is the model's in the registry, `data` the file in data/source. `key`, `time`, `known` and `group` are
    columns; where rows have no time, `time` and `known` are empty. `outcomes` are the words for false and true,
    `classes` are three names or more. The target, which columns.py alone names, is known `horizon` hours after a
    prediction is asked for. `by`, `folds`, `zone` and `as_of` (the clock) are those of params.yaml.
    """

    name: str
    data: str
    key: str
    task: Literal["binary", "classes", "number"] = "binary"
    outcomes: tuple[str, str] = ("no", "yes")
    classes: tuple[str, ...] = ()
    time: str = ""
    known: str = ""
    group: str = ""
    horizon: float = 0.0
    by: str | int = "hash"
    folds: int = 3
    zone: str = "UTC"
    as_of: str = ""
    remote: str = ""

    @property
    def package(self) -> str:
        """The package in src/ that says what the project is about."""
        return self.name.replace("-", "_")

    @property
    def told(self) -> dict[str, Any]:
        """Every answer by its name, as [tool.recommit.new] of pyproject.toml keeps it."""
        return asdict(self)

    @property
    def by_words(self) -> str:
        """What the split does, for a comment."""
        if self.time:
            rows = "so many rows" if isinstance(self.by, int) else f"a {self.by}"
            return f"{rows}: the last part before the clock judges the candidate, those before it validate"
        what = f"of {self.group}, so that its rows are in one part only" if self.by == "group" else "of each row's key"
        return f"a hash {what}: a new row moves no old one"

    @property
    def folds_words(self) -> str:
        """What the folds are, for a comment."""
        if self.time:
            return "the last training parts, each predicted by fits on all before it"
        return "parts of the training rows, each predicted by a fit on the others"

    @property
    def cron(self) -> str:
        """When `recommit advance` is due (UTC), as cron writes it; empty where the clock does not move by periods.

        It is early on the second day, when what the last hours of the period brought is known.
        """
        due = {"day": "* * *", "week": "* * 2", "month": "2 * *", "quarter": "2 1,4,7,10 *"}
        return f"17 5 {due[self.by]}" if self.time and isinstance(self.by, str) and self.by in due else ""

    @property
    def linear(self) -> str:
        """The name of the linear model of this task."""
        return "linear" if self.task == "number" else "logistic"

    @property
    def baseline_words(self) -> str:
        """What the baseline answers."""
        return {
            "number": "the mean",
            "classes": "the share of each class",
            "binary": f"the share of {self.outcomes[1]}",
        }[self.task]

    @property
    def loss_words(self) -> str:
        """What the gate's bounds on losses are of."""
        return "of the baseline's loss" if self.task == "number" else "nats"


def name_of(path: Path) -> str:
    """Returns the name of a project from its folder's: lower case, words with hyphens between them.

    Raises Refusal for one that is no name of a Python package, or that of a package that is installed here.
    """
    name = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")
    package = name.replace("-", "_")
    if not re.fullmatch("[a-z][a-z0-9-]{0,62}", name) or keyword.iskeyword(package):
        raise Refusal(
            f"{path}: a project's name becomes a Python package's: letters, digits and hyphens, a letter first"
        )
    if find_spec(package) is not None:
        raise Refusal(f"{path}: Python has a module {package}, which the project's own would hide: take another name")
    return name
