"""A leak that was found, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Kind = Literal[
    "target_in_columns",
    "shared_rows",
    "shared_groups",
    "time_order",
    "fitted_beyond",
    "changes_with_the_future",
    "too_good_against_shuffled",
]


@dataclass(frozen=True)
class Finding:
    """What kind of leak, in which columns or rows, and how it is known: plain words with the numbers."""

    kind: Kind
    where: str
    how: str

    def as_dict(self) -> dict[str, str]:
        """As evidence keeps it."""
        return dict(vars(self))

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.how}"


def as_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """A row a finding, for reading: kind, where, how."""
    return pd.DataFrame([finding.as_dict() for finding in findings], columns=["kind", "where", "how"])
