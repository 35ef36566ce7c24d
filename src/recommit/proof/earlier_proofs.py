"""Reads the records of earlier proofs that a project keeps: docs/proof.json, and those of this clone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def earlier_records(project: Path) -> Iterator[dict[str, Any]]:
    """Yields all records that can be read, the newest one last."""
    own = sorted((project / ".recommit" / "proofs").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in (project / "docs" / "proof.json", *own):
        try:
            record = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(record, dict):
            yield record


def earlier_seconds(project: Path) -> dict[str, float]:
    """Returns how many seconds the last replay of each stage took, by the stage's name."""
    found: dict[str, float] = {}
    for record in earlier_records(project):
        try:
            found |= {stage["stage"]: float(stage["seconds"]) for stage in record["stages"]}
        except (KeyError, TypeError, ValueError):
            continue
    return found
