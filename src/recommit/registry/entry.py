"""The typed record in the message of a tag: of a version, or of a stage given to a version."""

import json
import re
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator

from recommit import Refusal
from recommit.project.git import git

FILES = ("model.onnx", "manifest.json", "golden.json")
"""The files of a model."""
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters, line ends, lone surrogates, and marks that change the direction of text."""


def one_line(text: str) -> str:
    """Returns `text` with a space instead of each character that a terminal would not print as text on one line."""
    return _BREAKS.sub(" ", text)


def _is_line(text: str) -> str:
    if text != one_line(text):
        raise ValueError("not one line of text: it has control characters, or halves of characters")
    return text


Line = Annotated[str, AfterValidator(_is_line)]
"""Text on one line without control characters."""
_MD5 = Field(pattern=r"^[0-9a-f]{32}$")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Closed):
    """A measured number with its interval at `level`; an end that could not be measured is None."""

    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    level: FiniteFloat | None = None

    @classmethod
    def of(cls, found: Any) -> "Interval":
        """Returns the interval `found`, which is one of evidence or of a manifest."""
        ends = (end if end is not None and isfinite(end) else None for end in (found.low, found.high))
        return cls(value=found.value, low=next(ends), high=next(ends), level=found.level)


class File(_Closed):
    """The hashes of a file. DVC finds it by its MD5, which can be forged, so its SHA-256 is checked as well."""

    md5: str = _MD5
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Accepted(_Closed):
    """A point that the gate could not decide, and that a line of `accepted` in params.yaml answered."""

    rule: Line
    about: Line
    says: Line
    why: Line

    def __str__(self) -> str:
        return f"rule {self.rule}, about {self.about}: {self.says}; accepted because: {self.why}"


class _Entry(_Closed):
    format: Literal[1] = 1
    name: Line
    version: str = Field(pattern=r"^v\d+\.\d+\.\d+[-+.\w]*$")
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    """The commit that the tag was put on."""
    who: Line
    when: Line
    """UTC, ISO 8601."""
    why: Line
    forced: bool = False
    overruled: tuple[Line, ...] = ()
    """The objections that --force overruled."""
    looks: int | None = None
    """How many candidates had been judged on the test rows at the promotion, as far as that clone knew."""


class VersionEntry(_Entry):
    """The record of a version: the hashes of its files and evidence, its clock `as_of`, and its metrics."""

    kind: Literal["version"] = "version"
    files: dict[str, File]
    """The hashes of each of the model's files, by name."""
    lock: str = _MD5
    """MD5 of dvc.lock."""
    decision: Literal["yes", "no", "unknown", "none"]
    evidence: str | None
    """SHA-256 of models/decision.json, which lists the hash of every evidence file."""
    accepted: tuple[Accepted, ...] = ()
    """The points that the gate could not decide, and that lines of `accepted` in params.yaml answered."""
    as_of: Line
    measured: Literal["test", "validation"]
    metrics: dict[Line, Interval]

    @field_validator("files")
    @classmethod
    def _are_a_model(cls, files: dict[str, File]) -> dict[str, File]:
        if set(files) != set(FILES):
            raise ValueError(f"a model is {', '.join(FILES)}, not {', '.join(sorted(files)) or 'nothing'}")
        return files


class StageEntry(_Entry):
    """The record of a stage given to a version by a promotion or rollback. `replaced` is the version before."""

    kind: Literal["stage"] = "stage"
    stage: Line
    how: Literal["promote", "rollback"]
    replaced: Line | None


Entry = VersionEntry | StageEntry


def check_reason(reason: str) -> None:
    """Raises Refusal unless `reason` is one line of text."""
    if reason != one_line(reason):
        raise Refusal("--reason must be one line of text without control characters")


def signature(root: Path, name: str, version: str, commit: str, reason: str) -> dict[str, Any]:
    """Returns the fields that every record has: model, version, commit, who (Git's committer), when (UTC) and why."""
    return {
        "name": name,
        "version": version,
        "commit": commit,
        "who": one_line(git(root, "var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]),
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "why": reason,
    }


def as_message(title: str, entry: Entry) -> str:
    """Returns the message of an annotated tag: a title for people, then `entry` as JSON."""
    return f"{title}\n\n{json.dumps(entry.model_dump(mode='json'), indent=1, ensure_ascii=False)}\n"


def read_entry(body: str) -> Entry | None:
    """Returns the record in `body`, a tag's text below its title; None without one. Raises ValueError if broken."""
    if not body.lstrip().startswith("{"):
        return None
    try:
        content: Any = json.loads(body)
        return (StageEntry if content.get("kind") == "stage" else VersionEntry).model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(one_line(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
