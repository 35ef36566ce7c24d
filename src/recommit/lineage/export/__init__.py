"""Lineage in other programs' formats. Nothing else imports this; OpenLineage and RO-Crate need the extra `lineage`."""

import json
import uuid
from typing import Any

from recommit import Refusal
from recommit.lineage.chain import Step
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.trace import Lineage


def refuse_without_runs(found: Lineage) -> None:
    """Refuse the lineage of a thing that no stage made: there is nothing to tell of."""
    if not found.steps and not (found.model and found.model.steps):
        raise Refusal(f"no stage made {found.thing.path}: there is no run to tell of")


def run_id(shot: Snapshot, step: Step) -> str:
    """The identifier of a stage's run: made of commit and stage, so the same everywhere."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:recommit:{shot.sha}:{step.stage}"))


def as_text(value: Any) -> str:
    """A parameter's value as text: JSON, but for what is text already."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
