"""What pages are filled from: evidence by its file's name, the stage's parameters, and the files' hashes."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from recommit import Refusal
from recommit.evidence.files import FOLDER, kind_of, parse
from recommit.project.hashes import md5_of_bytes
from recommit.project.pipeline import is_in

Made = TypeVar("Made")


@dataclass(frozen=True)
class Facts:
    """All that pages may be filled from: evidence by name, the stage's params, md5 sums of the files by their path."""

    evidence: Mapping[str, Any]
    params: Mapping[str, Any]
    hashes: Mapping[str, str]


def read_facts(folder: Path, files: Iterable[Path], params: Mapping[str, Any]) -> Facts:
    """Read the facts in JSON `files` of the project in `folder`, each by its name without suffix.

    A file of a declared type is read as that, any other as it is. A file in another folder of reports, or in one of
    reports/evidence, is found in that folder's name: reports/advice/boosting.json is `advice.boosting`. Raises Refusal
    for a file that is no JSON, or not of its declared type.
    """
    evidence: dict[str, Any] = {}
    hashes = {}
    for path in files:
        relative = path.relative_to(folder)
        name, content, kind = relative.as_posix(), path.read_bytes(), kind_of(relative)
        below = FOLDER if is_in(name, FOLDER) else "reports"
        group = evidence
        for part in path.relative_to(folder / below).parts[:-1] if is_in(name, below) else ():
            group = group.setdefault(part, {})
        group[path.stem] = parse(content, kind, name) if kind else _json(content, name)
        hashes[name] = md5_of_bytes(content)
    return Facts(evidence, params, hashes)


def made(facts: Facts, makers: Mapping[str, Callable[[Any], Made]]) -> dict[str, Made]:
    """Return what each maker makes of the evidence of its name, where it is there, in the order of `makers`."""
    return {name: maker(facts.evidence[name]) for name, maker in makers.items() if name in facts.evidence}


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise Refusal(f"{name} is not JSON ({error}): `dvc repro` makes it anew") from None
