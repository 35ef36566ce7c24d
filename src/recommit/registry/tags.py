"""The registry's tags, in the format of GTO: `flights@v2.0.0` is a version, `flights#prod#5` gives it a stage."""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.project.git import git, prefix, signs
from recommit.project.yaml import read_yaml
from recommit.registry.entry import Entry, as_message, one_line

CANDIDATE = "models/candidate"
_STAGE = r"[a-zA-Z0-9](?:[a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_TAG = re.compile(
    rf"(?P<name>[^@#]+)(?:@(?P<version>v\d+\.\d+\.\d+[-+.\w]*)|#(?P<stage>{_STAGE}))(?P<undone>!?)(?:#(?P<number>\d+))?"
)
_FIELDS = (
    "refname:strip=2", "objecttype", "objectname", "*objectname", "tag", "taggerdate:unix", "contents:body",
    "contents:signature",
)  # fmt: skip


_DIGITS = 9
"""Of the numbers in tags' names: one with more is nobody's count."""
_LETTERS = 64
"""Of a stage's name at most: its tags are files of Git's."""


@dataclass(frozen=True)
class Tag:
    """One tag of the registry. `undone` says that it takes the version or stage away, GTO's `!`.

    `inner` is the name that the tag object gives itself, "" where the tag is a bare pointer without a message;
    `has_signature` says that there is one, and not that it is good: `git verify-tag` does.
    """

    ref: str
    name: str
    version: str | None
    stage: str | None
    undone: bool
    number: int
    object: str
    commit: str
    inner: str
    seconds: int
    body: str
    has_signature: bool


def artifact(root: Path) -> str:
    """The model's name in tags, `flights`: the entry of dvc.yaml's `artifacts` whose path is models/candidate.

    In a project below the repository's top it carries the folder, as GTO writes it. Raises Refusal without the entry.
    """
    entries = read_yaml(root / "dvc.yaml").get("artifacts")
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        if isinstance(entry, dict) and str(entry.get("path", "")).rstrip("/") == CANDIDATE:
            folder = prefix(root)
            return f"{folder}={name}" if folder else str(name)
    raise Refusal(f"dvc.yaml: artifacts: no entry has the path {CANDIDATE}: add one, its key is the model's name")


def check_stage(stage: str) -> str:
    """The stage's name as it is, where GTO takes it; Refusal otherwise."""
    if not re.fullmatch(_STAGE, stage) or "//" in stage or len(stage) > _LETTERS:
        raise Refusal(
            f"{stage[:_LETTERS]!r} is no name for a stage: up to {_LETTERS} letters, digits, - and _, such as prod"
        )
    if re.fullmatch(r"v\d+", stage):
        raise Refusal(f"{stage!r} is no name for a stage: it is short for a version; take another, such as prod")
    return stage


def parse(ref: str) -> dict[str, str | None] | None:
    """The parts of a tag's name in GTO's format (name, version, stage, undone, number), or None for any other."""
    match = _TAG.fullmatch(ref)
    return match.groupdict() if match else None


def number_in(ref: str) -> int:
    """The number of a stage's tag; 0 for a tag that has none, or an absurd one."""
    return _count((parse(ref) or {}).get("number"))


def major_in(version: str) -> int:
    """The first number of a version; 0 for an absurd one."""
    return _count(version.removeprefix("v").partition(".")[0])


def is_absurd(tag: Tag) -> bool:
    """Whether a number in a tag's name is beyond counting, so that none could follow it."""
    parts = parse(tag.ref) or {}
    counted = (parts.get("version") or "").partition(".")[0].removeprefix("v"), parts.get("number") or ""
    return any(len(digits) > _DIGITS for digits in counted)


def following(numbers: Iterable[int], what: str) -> int:
    """The number after all of these. Raises Refusal where it would be an absurd one."""
    number = max(numbers, default=0) + 1
    if len(str(number)) > _DIGITS:
        raise Refusal(f"{what} has the number {number - 1}, and none can follow it: delete that tag, made by hand")
    return number


def _count(digits: str | None) -> int:
    return int(digits) if digits and len(digits) <= _DIGITS else 0


def read_tags(root: Path, name: str) -> list[Tag]:
    """All tags of the model `name`, by one call of Git, in the order they were made in."""
    fields = "".join(f"%({field})%00" for field in _FIELDS)
    cells = git(root, "for-each-ref", f"--format={fields}", "refs/tags").split("\0")
    rows = (cells[start : start + len(_FIELDS)] for start in range(0, len(cells) - len(_FIELDS), len(_FIELDS)))
    tags = [tag for row in rows if (tag := _tag(row)) and tag.name == name]
    return sorted(tags, key=lambda tag: (tag.seconds, tag.stage is not None, tag.number))


def _tag(row: Sequence[str]) -> Tag | None:
    ref, kind, made, target, inner, seconds, body, signature = row
    parts = parse(ref.lstrip("\n"))
    if parts is None:
        return None
    annotated = kind == "tag"
    return Tag(
        ref=ref.lstrip("\n"),
        name=str(parts["name"]),
        version=parts["version"],
        stage=parts["stage"],
        undone=bool(parts["undone"]),
        number=number_in(ref.lstrip("\n")),
        object=made,
        commit=target if annotated else made,
        inner=one_line(inner),
        seconds=int(seconds or 0),
        body=body,
        has_signature=bool(signature),
    )


def write_tag(root: Path, ref: str, title: str, entry: Entry, after: Sequence[Tag]) -> str:
    """Put an annotated tag with `entry` on its commit, signed where Git is set up to sign; the tag object's id.

    It is dated after every tag in `after`: GTO and DVC order them by their whole seconds.
    """
    seconds = max([int(time.time()), *(tag.seconds + 1 for tag in after)])
    signed = signs(root)
    kind = ["--sign"] if signed else ["--annotate", "--no-sign"]
    git(
        root, "tag", *kind, "--cleanup=verbatim", "--file=-", ref, entry.commit,
        given=as_message(title, entry), more={"GIT_COMMITTER_DATE": f"@{seconds} +0000"},
    )  # fmt: skip
    # With a key that cannot be read, Git makes a tag without a signature and calls it success.
    if signed and not git(root, "for-each-ref", "--format=%(contents:signature)", f"refs/tags/{ref}"):
        raise Refusal(f"{ref} could not be signed: see to user.signingKey, or set tag.gpgSign to false")
    return git(root, "rev-parse", f"refs/tags/{ref}")
