"""A leak that was found, or a strength that a person must judge, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Certainty = Literal["proof", "question"]
Kind = Literal[
    "target_in_columns",
    "shared_rows",
    "shared_groups",
    "time_order",
    "fitted_beyond",
    "changes_with_the_future",
    "strong_columns",
    "strong_against_shuffled",
    "stronger_lately",
    "telling_value",
]
# Strength alone proves nothing: an honest column can be as strong as a leak, and only a person knows what it holds.
CERTAINTY: dict[Kind, Certainty] = {
    "target_in_columns": "proof",
    "shared_rows": "proof",
    "shared_groups": "proof",
    "time_order": "proof",
    "fitted_beyond": "proof",
    "changes_with_the_future": "proof",
    "strong_columns": "question",
    "strong_against_shuffled": "question",
    "stronger_lately": "question",
    "telling_value": "question",
}


@dataclass(frozen=True)
class Finding:
    """What kind of leak, in which columns or rows, and how it is known: plain words with the numbers.

    `worth` is the share of the baseline's log loss that the columns of a question save; None where it does not apply.
    """

    kind: Kind
    where: str
    how: str
    worth: float | None = None

    @property
    def certainty(self) -> Certainty:
        """Whether this proves a leak, or asks a person."""
        return CERTAINTY[self.kind]

    def as_dict(self) -> dict[str, Any]:
        """As evidence keeps it: certainty, kind, where, how, and worth where there is one."""
        worth = {} if self.worth is None else {"worth": round(self.worth, 4)}
        return {"certainty": self.certainty, "kind": self.kind, "where": self.where, "how": self.how} | worth

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.how}"


def named(columns: Sequence[str]) -> str:
    """Columns as `where` names them: in order of the alphabet, so that one set of columns has one name."""
    return ", ".join(sorted(columns))


def as_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row per finding, for reading: certainty, kind, where, how."""
    columns = ["certainty", "kind", "where", "how"]
    return pd.DataFrame([finding.as_dict() for finding in findings], columns=columns)
