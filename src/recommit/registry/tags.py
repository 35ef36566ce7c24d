"""Reads and makes tags in GTO's format: `flights@v2.0.0` is a version, `flights#prod#5` gives it a stage."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.project.git import common, git, prefix, signs
from recommit.project.yaml import read_yaml
from recommit.registry.entry import Entry, as_message, one_line

CANDIDATE = "models/candidate"
_STAGE = r"[a-zA-Z0-9](?:[a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_TAG = re.compile(
    rf"(?P<name>[^@#]+)(?:@(?P<version>v\d+\.\d+\.\d+[-+.\w]*)|#(?P<stage>{_STAGE}))!?(?:#(?P<number>\d+))?"
)
_FIELDS = (
    "refname:strip=2", "objecttype", "objectname", "*objectname", "tag", "taggerdate:unix", "contents:body",
    "contents:signature",
)  # fmt: skip
_LETTERS = 64
"""The longest name of a stage. Git makes a file of each tag, and the name of a file may not be longer."""


@dataclass(frozen=True)
class Tag:
    """One tag of the registry: of a version, or of a stage.

    `inner` is the name that the tag object gives itself, "" where the tag is a bare pointer without a message.
    `has_signature` says that there is a signature; whether it is good, `git verify-tag` says.
    """

    ref: str
    name: str
    version: str | None
    stage: str | None
    number: int
    commit: str
    inner: str
    seconds: int
    body: str
    has_signature: bool


def artifact(root: Path) -> str:
    """Returns the model's name in tags, such as `flights`: the key of models/candidate in `artifacts` of dvc.yaml.

    In a project below the repository's top, the name begins with the folder, as GTO writes it. Raises Refusal if there
    is no such key.
    """
    entries = read_yaml(root / "dvc.yaml").get("artifacts")
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        if isinstance(entry, dict) and str(entry.get("path", "")).rstrip("/") == CANDIDATE:
            folder = prefix(root)
            return f"{folder}={name}" if folder else str(name)
    raise Refusal(f"dvc.yaml: artifacts: no entry has the path {CANDIDATE}: add one, its key is the model's name")


def check_stage(stage: str) -> None:
    """Raises Refusal if GTO or Git does not accept the name `stage`, or if it looks like a version."""
    if not re.fullmatch(_STAGE, stage) or "//" in stage or len(stage) > _LETTERS:
        raise Refusal(
            f"{stage[:_LETTERS]!r} is no name for a stage: up to {_LETTERS} letters, digits, - and _, such as prod"
        )
    if re.fullmatch(r"v\d+", stage):
        raise Refusal(f"{stage!r} is no name for a stage: it is short for a version; take another, such as prod")


def major(version: str) -> int:
    """Returns the first number of `version`: 2 for v2.0.0."""
    return int(version.removeprefix("v").partition(".")[0])


def read_tags(root: Path, name: str) -> list[Tag]:
    """Returns all tags of the model `name` in the order in which they were made, by one call of Git."""
    fields = "".join(f"%({field})%00" for field in _FIELDS)
    cells = git(root, "for-each-ref", f"--format={fields}", "refs/tags").split("\0")
    rows = (cells[start : start + len(_FIELDS)] for start in range(0, len(cells) - len(_FIELDS), len(_FIELDS)))
    tags = [tag for row in rows if (tag := _tag(row)) and tag.name == name]
    return sorted(tags, key=lambda tag: (tag.seconds, tag.stage is not None, tag.number))


def _tag(row: Sequence[str]) -> Tag | None:
    ref, kind, made, target, inner, seconds, body, signature = row
    parts = _TAG.fullmatch(ref.lstrip("\n"))
    if parts is None:
        return None
    return Tag(
        ref=parts[0],
        name=parts["name"],
        version=parts["version"],
        stage=parts["stage"],
        number=int(parts["number"] or 0),
        commit=target if kind == "tag" else made,
        inner=one_line(inner),
        seconds=int(seconds or 0),
        body=body,
        has_signature=bool(signature),
    )


def make_tag(root: Path, ref: str, title: str, entry: Entry, seconds: int) -> str:
    """Writes an annotated tag object with `entry`, signed if Git is set up to sign, and returns the object's id.

    The transaction creates the tag `ref` later. `git tag` would create it at once, so it runs in an empty repository
    that shares the objects and the configuration of the one in `root`. `seconds` is the tag's date, Unix time.
    """
    kind = ["--sign"] if signs(root) else ["--annotate", "--no-sign"]
    shared = common(root).resolve()
    # Inside this repository, so that a user's configuration for its folder (`includeIf`) counts here too.
    with tempfile.TemporaryDirectory(dir=shared, prefix="recommit-") as empty:
        git(root, "init", "--quiet", "--bare", empty)
        there = {"GIT_DIR": empty, "GIT_OBJECT_DIRECTORY": str(shared / "objects")}
        git(
            root, "-c", f"include.path={shared / 'config'}", "tag", *kind, "--cleanup=verbatim", "--file=-",
            ref, entry.commit, given=as_message(title, entry), more=there | {"GIT_COMMITTER_DATE": f"@{seconds} +0000"},
        )  # fmt: skip
        # If the key cannot be read, Git makes a tag without a signature, and its exit status is 0.
        if "--sign" in kind and not git(root, "for-each-ref", "--format=%(contents:signature)", more=there):
            raise Refusal(f"{ref} could not be signed: see to user.signingKey, or set tag.gpgSign to false")
        return git(root, "rev-parse", f"refs/tags/{ref}", more=there)
