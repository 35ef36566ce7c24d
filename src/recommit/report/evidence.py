"""What the stages found, as they wrote it down: evidence by its file's name, and what each file's bytes hash to."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from recommit import Refusal
from recommit.project.pipeline import is_in

Made = TypeVar("Made")
FOLDER = "reports/evidence"


@dataclass(frozen=True)
class Facts:
    """All that pages may be filled from: evidence by name, the stage's params, md5 sums of the files by their path."""

    evidence: Mapping[str, Any]
    params: Mapping[str, Any]
    hashes: Mapping[str, str]


def read(folder: Path, files: Iterable[Path], params: Mapping[str, Any]) -> Facts:
    """The facts in JSON files of the project in `folder`, each by its name without suffix.

    A file in another folder of reports, or in one of reports/evidence, is found in that folder's name:
    reports/advice/boosting.json is `advice.boosting`. Raises Refusal for a file that is no JSON.
    """
    evidence: dict[str, Any] = {}
    hashes = {}
    for path in files:
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        below = FOLDER if is_in(name, FOLDER) else "reports"
        group = evidence
        for part in path.relative_to(folder / below).parts[:-1] if is_in(name, below) else ():
            group = group.setdefault(part, {})
        try:
            group[path.stem] = json.loads(content)
        except ValueError as error:
            raise Refusal(f"{name} is not JSON ({error}): `dvc repro` makes it anew") from None
        hashes[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Facts(evidence, params, hashes)


@contextmanager
def expecting(name: str) -> Iterator[None]:
    """Turn what is missing in the evidence of that name into a Refusal that says so."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is not of the expected form: {error}"
        raise Refusal(f"the evidence {name} {what}, which the report shows: see the stage that writes it") from None


def made(facts: Facts, makers: Mapping[str, Callable[[Any], Made]]) -> dict[str, Made]:
    """What each maker makes of the evidence of its name, for those that are there, in the makers' order."""
    results = {}
    for name, maker in makers.items():
        if name in facts.evidence:
            with expecting(name):
                results[name] = maker(facts.evidence[name])
    return results
