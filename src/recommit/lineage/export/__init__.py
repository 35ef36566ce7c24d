"""Writes the lineage in the formats of OpenLineage and RO-Crate. This package needs the extra `lineage`."""

import json
import uuid
from typing import Any

from recommit import Refusal
from recommit.lineage.chain import Step
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.trace import Lineage


def refuse_without_runs(found: Lineage) -> None:
    """Raise Refusal for the lineage of a thing that no stage made."""
    if not found.steps and not (found.model and found.model.steps):
        raise Refusal(f"no stage made {found.thing.path}: so there is no run to export")


def run_id(shot: Snapshot, step: Step) -> str:
    """Return the identifier of a stage's run. It is made from commit and stage, so it is the same on every machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:recommit:{shot.sha}:{step.stage}"))


def as_text(value: Any) -> str:
    """Return the `value` of a parameter as text: text unchanged, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
