"""Reads what pages are filled from: evidence by the name of its file, the stage's parameters, and hashes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.evidence.files import FOLDER, kind_of, parse_unless_left_out
from recommit.project.hashes import md5_of_bytes
from recommit.project.pipeline import is_in


@dataclass(frozen=True)
class Facts:
    """What pages may be filled from: evidence by name, the stage's parameters, and the MD5 of each file by path."""

    evidence: Mapping[str, Any]
    params: Mapping[str, Any]
    hashes: Mapping[str, str]


def read_facts(folder: Path, files: Iterable[Path], params: Mapping[str, Any]) -> Facts:
    """Return the facts in the JSON `files` of the project in `folder`; a file's name without suffix is its key.

    A file of a declared type is read as this type, any other as plain JSON. A subfolder of reports or of
    reports/evidence is a mapping: reports/advice/boosting.json is `advice.boosting`. Raises Refusal for a file that is
    not JSON, or not of its declared type.
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
        group[path.stem] = parse_unless_left_out(content, kind, name) if kind else _json(content, name)
        hashes[name] = md5_of_bytes(content)
    return Facts(evidence, params, hashes)


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise Refusal(f"{name} is not JSON ({error}): `dvc repro` makes it anew") from None
