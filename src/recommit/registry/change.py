"""What a change of the registry is, and what every record of one says."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.git import git
from recommit.registry.entry import Before, one_line
from recommit.registry.features import Changed
from recommit.registry.history import Registry

PRODUCTION = "prod"
"""The stage whose model is the champion; any other is a tag only."""


@dataclass(frozen=True)
class Change:
    """What was done to the registry: `tags` made, the champion's `commit`, or neither if there was nothing to do."""

    name: str
    version: str
    stage: str
    replaced: str | None = None
    tags: tuple[str, ...] = ()
    commit: str | None = None
    overruled: tuple[str, ...] = ()
    forced: bool = False
    aside: tuple[str, ...] = ()
    """Copies of the champion's files that DVC's cache did not hold when a rollback replaced them."""
    looks: int | None = None
    """Of a promotion: how many candidates were judged on these test rows, as far as this clone knows."""
    accepted: tuple[str, ...] = ()
    """What the gate could not tell, and a declared line answered: rule, what it is about, what was found, why."""
    unused: tuple[str, ...] = ()
    """Declared lines that answer nothing any more."""
    features: Changed | None = field(default_factory=Changed)
    """Of a rollback: how the code of its features has changed since; None where that could not be seen."""


def check_reason(reason: str) -> str:
    """The reason as it is, one line of text; Refusal otherwise."""
    if reason != one_line(reason):
        raise Refusal("--reason is to be one line of text, without control characters")
    return reason


def signature(
    root: Path, found: Registry, version: str, commit: str, reason: str, before: Before | None = None
) -> dict[str, Any]:
    """What every entry says: of which version, after which tag, by whom, when and why."""
    return {
        "name": found.name,
        "version": version,
        "commit": git(root, "rev-parse", f"{commit}^{{commit}}"),
        "before": before or found.last(),
        "who": one_line(git(root, "var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]),
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "why": reason,
    }
