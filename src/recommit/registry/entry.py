"""What the message of a registry's tag holds: a typed record of a version, or of a stage given to one."""

import json
import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator

FILES = ("model.onnx", "manifest.json", "golden.json")
"""What a model is."""
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of what follows: a line with them can look like another."""


def one_line(text: str) -> str:
    """`text` with a space for whatever would break a line, draw on a terminal or be no text."""
    return _TURNS.sub(" ", "".join(" " if _breaks(letter) else letter for letter in text))


def _breaks(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _is_line(text: str) -> str:
    if text != one_line(text):
        raise ValueError("not one line of text: it has control characters, or halves of characters")
    return text


Line = Annotated[str, AfterValidator(_is_line)]
"""Text that can be printed as it is."""
_MD5 = Field(pattern=r"^[0-9a-f]{32}$")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Closed):
    """A measured number with its interval at `level`."""

    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    level: FiniteFloat | None = None


class File(_Closed):
    """A file by its hashes: DVC finds it by MD5, which can be forged, so SHA-256 is held against it as well."""

    md5: str = _MD5
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Before(_Closed):
    """The registry's tag before this one, with the id of its tag object: a tag that is changed or lost shows."""

    tag: Line
    object: Line


class Accepted(_Closed):
    """A point that the gate could not tell, and that a declared line answered: the rule, what was found, and why."""

    rule: Line
    about: Line
    says: Line
    why: Line

    def __str__(self) -> str:
        return f"rule {self.rule}, about {self.about}: {self.says}; accepted because: {self.why}"


class _Entry(_Closed):
    format: Literal[1] = 1
    name: Line
    version: Line
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    """The commit that the tag was put on."""
    before: Before | None
    who: Line
    when: Line
    """UTC, ISO 8601."""
    why: Line
    forced: bool
    overruled: tuple[Line, ...]
    """What spoke against it, where it was forced."""
    looks: int | None = None
    """How many candidates had been judged on its test rows when it was promoted, as far as that clone knew."""


class VersionEntry(_Entry):
    """What a version is: its files, its evidence, its clock and how good it was measured to be."""

    kind: Literal["version"] = "version"
    files: dict[str, File]
    """Each of the model's files, by its name."""
    lock: str = _MD5
    """MD5 of dvc.lock: the record of how it was made."""
    decision: Literal["yes", "no", "unknown", "none"]
    evidence: str | None
    """SHA-256 of models/decision.json, which lists the hash of every evidence file."""
    accepted: tuple[Accepted, ...] = ()
    """What the gate could not tell and a declared line in params.yaml answered."""
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
    """A stage given to a version, by a promotion or a rollback, and the version that had it before."""

    kind: Literal["stage"] = "stage"
    stage: Line
    how: Literal["promote", "rollback"]
    replaced: Line | None


Entry = VersionEntry | StageEntry


def as_message(title: str, entry: Entry) -> str:
    """The text of an annotated tag: a title for people, then the entry as JSON."""
    return f"{title}\n\n{json.dumps(entry.model_dump(mode='json'), indent=1, ensure_ascii=False)}\n"


def read_entry(body: str) -> Entry | None:
    """The entry in a tag's text below its title, or None where there is none. Raises ValueError for a broken one."""
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
