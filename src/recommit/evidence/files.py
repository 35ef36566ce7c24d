"""Read and write evidence: each file by its declared type, refused in one line where it is not what a stage writes."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePath
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from recommit import Refusal
from recommit.evidence import stages
from recommit.evidence.decision import Decision
from recommit.evidence.monitor import Monitor
from recommit.evidence.numbers import CLOSED
from recommit.evidence.stages import File
from recommit.project.hashes import md5_of

Kind = TypeVar("Kind", bound=File)
FOLDER = "reports/evidence"
DECISION = "models/decision.json"
MONITOR = "reports/monitor.json"
_AGAIN = "`dvc repro` makes it anew"


@dataclass(frozen=True, config=CLOSED)
class Evidence:
    """All evidence that the gate reads: what stages found, by the names of their files, and the files' hashes.

    What may be LeftOut is of a stage that params.yaml may leave out. What may be None is of a stage that dvc.yaml need
    not have, and cannot where rows have no time.
    """

    schema: stages.Schema
    quality: stages.Quality | stages.LeftOut | None
    leakage: stages.Leakage
    point_in_time: stages.PointInTime | None
    selection: stages.Selection
    parity: stages.Parity
    test: stages.Test
    slices: stages.Slices
    staleness: stages.Staleness | stages.LeftOut | None
    robustness: stages.Robustness | stages.LeftOut
    hashes: dict[str, str]
    """MD5 of each file in the folder, by its path in there."""


_HINTS = {name: kind for name, kind in get_type_hints(Evidence).items() if name != "hashes"}
_OPTIONAL = {name for name, kind in _HINTS.items() if type(None) in get_args(kind)}
_GATE: Mapping[str, type[File]] = {name: (get_args(kind) or (kind,))[0] for name, kind in _HINTS.items()}
KINDS: Mapping[str, type[File]] = {
    DECISION: Decision,
    MONITOR: Monitor,
    **{f"{FOLDER}/{name}.json": kind for name, kind in _GATE.items()},
    f"{FOLDER}/features.json": stages.Features,
    f"{FOLDER}/importance.json": stages.Importance,
    "reports/advice/*.json": stages.Advice,
    "models/fits/*.json": stages.Fit,
}
"""The type of each file, by its path in the project."""


_MAY_BE_LEFT_OUT = (stages.Quality, stages.Advice, stages.Importance, stages.Staleness, stages.Robustness, Monitor)


def kind_of(path: PurePath) -> type[File] | None:
    """The declared type of the file `path`, or None for a file of another kind."""
    return next((kind for pattern, kind in KINDS.items() if path.match(pattern)), None)


def write(path: Path, found: Any) -> None:
    """Write `found` to the JSON file `path`, numbers to six significant digits, so that it reads well in a diff.

    `found` is of the type that is declared for `path`; for another file, metrics say, it may be any mapping.
    Raises TypeError for another type than the declared one.
    """
    kind = kind_of(path)
    if kind and not isinstance(found, kind):
        raise TypeError(f"{path} holds {kind.__name__}, not {type(found).__name__}")
    path.write_text(json.dumps(plain(found), indent=1) + "\n", encoding="utf-8")


def read(path: Path, kind: type[Kind]) -> Kind:
    """The evidence in the file `path`. Raises Refusal where it is missing or not what a stage writes as `kind`."""
    return parse(_content(path), kind, path)


def parse_unless_left_out(content: bytes, kind: type[Kind], name: PurePath | str) -> Kind | stages.LeftOut:
    """The evidence in the bytes of the file `name`, or that its stage is left out, where that may be of this `kind`."""
    left_out = kind in _MAY_BE_LEFT_OUT and _says_left_out(content)
    return parse(content, stages.LeftOut, name) if left_out else parse(content, kind, name)


def parse(content: bytes, kind: type[Kind], name: PurePath | str) -> Kind:
    """The evidence in the bytes of the file `name`. Raises Refusal, in one line, where they are no `kind`."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{name} is not JSON ({error}): {_AGAIN}") from None
    if isinstance(found, dict) and found.get("version") != kind.version:
        said = f"version {found['version']!r}" if "version" in found else "no version"
        raise Refusal(f"{name} has {said}, and version {kind.version} is expected: {_AGAIN}")
    try:
        return TypeAdapter(kind).validate_json(content, strict=True)
    except ValidationError as error:
        raise Refusal(f"{name} is not what a stage writes: {_first(error)}: {_AGAIN}") from None


def gather(folder: Path) -> Evidence:
    """All evidence of `folder` that the gate reads.

    Raises Refusal for a file that is not as declared, or is missing and not of a stage that dvc.yaml need not have.
    """
    files = {name: folder / f"{name}.json" for name in _GATE}
    absent = {name for name in _OPTIONAL if not files[name].exists()}
    found: dict[str, Any] = {
        name: None if name in absent else parse_unless_left_out(_content(files[name]), kind, files[name])
        for name, kind in _GATE.items()
    }
    hashes = {file.relative_to(folder).as_posix(): md5_of(file) for file in sorted(folder.rglob("*.json"))}
    return Evidence(**found, hashes=hashes)


def plain(found: Any) -> Any:
    """What a file of evidence, or of metrics, holds: mappings, lists, texts and rounded numbers."""
    return _rounded(TypeAdapter(Any).dump_python(found))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: `dvc repro` makes it") from None


def _says_left_out(content: bytes) -> bool:
    with suppress(ValueError, RecursionError):
        found = json.loads(content)
        return isinstance(found, dict) and "left_out" in found
    return False


def _first(error: ValidationError) -> str:
    """The first error in words: which field, what was found, what is expected."""
    one = error.errors(include_url=False, include_context=False)[0]
    where, found = ".".join(map(str, one["loc"])) or "it", repr(one["input"])
    if one["type"] == "missing":
        return f"{where} is missing"
    if one["type"] == "unexpected_keyword_argument":
        return f"{where} is not known"
    said = one["msg"].removeprefix("Value error, ")
    return f"{where} is {found[:40]}: {said[:1].lower()}{said[1:]}"


def _rounded(content: Any) -> Any:
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, Mapping):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return str(content) if isinstance(content, date) else content
