"""Model versions and stages as GTO 1.10 writes them down: Git tags `NAME@v1.2.3` and `NAME#STAGE#N`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.lineage.snapshot import git, snapshot
from recommit.notebook.project import is_in

_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_VERSION = re.compile(rf"(?P<name>{_NAME})@(?P<version>v\d+\.\d+\.\d+\S*)")
_STAGE = re.compile(rf"(?P<name>{_NAME})#(?P<stage>{_NAME})(?P<off>!?)(?:#(?P<count>\d+))?")
_PATH = re.compile(r"- path: (.+)$")
ASKED = re.compile(rf"(?P<name>{_NAME})@(?P<which>[A-Za-z0-9._+-]+)")
"""What a user may write: NAME@v1.2.3, NAME@v1 or NAME@STAGE."""


@dataclass(frozen=True)
class Version:
    """A registered version: its model's name, the tag that registers it, and that tag's commit."""

    name: str
    tag: str
    sha: str

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts versions from the oldest to the newest."""
        return tuple(int(part) for part in re.findall(r"\d+", self.tag.rpartition("@")[2])[:3])


def _tags(project: Path) -> Iterator[tuple[str, str]]:
    """The tags and their commits; GTO puts the folder of a project below the repository's top before its tags."""
    folder = (git(project, "rev-parse", "--show-prefix") or b"").decode().strip().rstrip("/")
    form = "%(refname:strip=2)%00%(objectname)%00%(*objectname)"
    for line in (git(project, "for-each-ref", f"--format={form}", "refs/tags") or b"").decode().splitlines():
        tag, own, pointed = line.split("\0")
        where, _, name = tag.rpartition("=")
        if where == folder:
            yield name, pointed or own


def versions(project: Path) -> list[Version]:
    """All registered versions, the newest of each model first; those that were deregistered left out."""
    tags = dict(_tags(project))
    found = [Version(match["name"], tag, sha) for tag, sha in tags.items() if (match := _VERSION.fullmatch(tag))]
    living = [version for version in found if not version.tag.endswith("!") and f"{version.tag}!" not in tags]
    return sorted(living, key=lambda version: (version.name, [-part for part in version.order], version.tag))


def holder(project: Path, name: str, stage: str) -> str | None:
    """The commit that holds a stage of a model: that of the newest assignment, None if there is none any more."""
    matches = [(match, sha) for tag, sha in _tags(project) if (match := _STAGE.fullmatch(tag))]
    given = [(int(m["count"] or 0), m["off"], sha) for m, sha in matches if (m["name"], m["stage"]) == (name, stage)]
    last = max(given, default=(0, "!", ""))
    return None if last[1] else last[2]


def resolve(project: Path, name: str, which: str) -> Version:
    """The version that NAME@WHICH names: `v1.2.3`, `v1` for `v1.0.0`, or a stage such as `prod`.

    Raises Refusal, with what there is, where nothing is called so.
    """
    known = [version for version in versions(project) if version.name == name]
    exact = {f"{name}@{which}", f"{name}@{which}.0", f"{name}@{which}.0.0"}
    for version in known:
        if version.tag in exact:
            return version
    sha = None if not known else holder(project, name, which)
    for version in known:
        if version.sha == sha:
            return version
    names = ", ".join(version.tag for version in known) or "none, `recommit promote` registers the first"
    raise Refusal(f"{name}@{which} is no registered version and no stage that a version holds: registered are {names}")


def version_with(project: Path, md5: str, path: str) -> Version | None:
    """The newest registered version whose model, as its dvc.lock records it, has the hash `md5`; None if none has.

    `path` is where the same bytes were found: that an older commit had them there as well makes them no version.
    """
    known = versions(project)
    if not known:
        return None
    # All versions in one call: at hundreds of them a call each would take seconds.
    shas = sorted({version.sha for version in known})
    said = (git(project, "grep", "-B3", "-F", "-e", md5, *shas, "--", "dvc.lock") or b"").decode(errors="replace")
    hits = {
        line[:40]
        for line in said.splitlines()
        if (match := _PATH.search(line)) and not is_in(match[1].strip("\"'"), path)
    }
    for version in (version for version in known if version.sha in hits):
        shot = snapshot(project, version.sha)
        model = artifact_path(shot.pipeline, version)
        recorded = (item for stage in shot.locked for item in (*stage.outs, *stage.deps))
        if any(item.md5 == md5 and is_in(item.path, model) for item in recorded):
            return version
    return None


def artifact_path(pipeline: dict, version: Version) -> str:
    """Where dvc.yaml's `artifacts:` says that the model is. Raises Refusal where it says nothing."""
    entry = (pipeline.get("artifacts") or {}).get(version.name)
    if not isinstance(entry, dict) or not entry.get("path"):
        raise Refusal(
            f"{version.tag}: dvc.yaml of its commit {version.sha[:10]} has no artifacts: {version.name}: path: "
            "it does not say where the model is"
        )
    return str(entry["path"]).rstrip("/")
