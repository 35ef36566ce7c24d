"""Reads the registry from its tags: versions, which version had which stage, and faults of tags."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from recommit import Refusal
from recommit.registry.entry import Entry, File, StageEntry, VersionEntry, read_entry
from recommit.registry.recorded import Recorded, contradicted, records
from recommit.registry.tags import Tag, artifact, major, read_tags

Kind = Literal["no record", "unreadable", "moved", "copied", "contradicted"]


@dataclass(frozen=True)
class Problem:
    """A tag that is not in order: its name, the kind of fault, and the fault in words."""

    kind: Kind
    tag: str
    words: str

    def __str__(self) -> str:
        return f"{self.tag} {self.words}"


@dataclass(frozen=True)
class Event:
    """A stage given to a version: the tag that does so, and its record."""

    tag: Tag
    entry: StageEntry


@dataclass(frozen=True)
class Registry:
    """All tags of a model in the order in which they were made, their records by tag, and the faults found."""

    name: str
    tags: tuple[Tag, ...]
    entries: Mapping[str, Entry]
    problems: tuple[Problem, ...]

    @property
    def model(self) -> str:
        """The model's name without the folder that GTO puts before it in a project below the repository's top."""
        return self.name.rpartition("=")[2]

    @cached_property
    def versions(self) -> dict[str, Tag]:
        """The registered versions and their tags, in order. Of several tags of one version, the last one counts."""
        return {tag.version: tag for tag in self.tags if tag.version}

    def entry(self, version: str) -> VersionEntry | None:
        """Returns the record in the tag of `version`; None if it has none that can be read."""
        tag = self.versions.get(version)
        found = self.entries.get(tag.ref) if tag else None
        return found if isinstance(found, VersionEntry) else None

    def of_commit(self, commit: str) -> list[str]:
        """Returns the versions whose tags are on `commit`."""
        return [version for version, tag in self.versions.items() if tag.commit == commit]

    def of_files(self, files: Mapping[str, File]) -> str | None:
        """Returns the version whose tag is in order and records the hashes `files`, or None."""
        for version in self.versions:
            entry = self.entry(version)
            if entry and entry.files == dict(files) and not self.against(version):
                return version
        return None

    @cached_property
    def stages(self) -> list[str]:
        """The names of all stages that any tag gives."""
        return list(dict.fromkeys(tag.stage for tag in self.tags if tag.stage))

    def events(self, stage: str) -> list[Event]:
        """Returns which versions were given `stage`, ordered by the tags' numbers, since a tag's date may change.

        Tags without a readable record are left out: `problems` names them.
        """
        tags = sorted((tag for tag in self.tags if tag.stage == stage), key=lambda tag: tag.number)
        entries = ((tag, self.entries.get(tag.ref)) for tag in tags)
        return [Event(tag, entry) for tag, entry in entries if isinstance(entry, StageEntry)]

    def line(self, stage: str) -> list[str]:
        """Returns the versions that had `stage`, without those rolled back from, oldest first. The last one has it."""
        line: list[str] = []
        for entry in (event.entry for event in self.events(stage)):
            if entry.how == "rollback" and entry.version in line:
                line = line[: len(line) - line[::-1].index(entry.version)]
            elif line[-1:] != [entry.version]:
                line.append(entry.version)
        return line

    def holder(self, stage: str) -> str | None:
        """Returns the version that has `stage`, or None."""
        return next(reversed(self.line(stage)), None)

    def doubts(self, stage: str) -> list[Problem]:
        """Returns the problems of the tag that gave `stage` to its holder, and of all later tags of `stage`."""
        holder = self.holder(stage)
        since = max((event.tag.number for event in self.events(stage) if event.entry.version == holder), default=0)
        deciding = {tag.ref for tag in self.tags if tag.stage == stage and tag.number >= since}
        return [problem for problem in self.problems if problem.tag in deciding]

    def full(self, text: str) -> str:
        """Returns the registered version that `text` names: v2.0.0, or v2 for short. Raises Refusal without one."""
        match = re.fullmatch(r"v\d+(\.0\.0)?", text)
        version = f"{text}.0.0" if match and not match[1] else text
        if version not in self.versions:
            known = ", ".join(self.versions) or "none"
            raise Refusal(f"{self.name} has no version {text}; registered: {known}; `git fetch --tags` gets later ones")
        return version

    def next_version(self) -> str:
        """Returns the next version: its number is higher than any in a tag or a record."""
        named = [tag.version for tag in self.tags] + [entry.version for entry in self.entries.values()]
        return f"v{max(map(major, filter(None, named)), default=0) + 1}.0.0"

    def next_number(self) -> int:
        """Returns the number for the next tag of a stage: one more than the largest in use."""
        return max((tag.number for tag in self.tags), default=0) + 1

    def against(self, version: str) -> list[Problem]:
        """Returns the problems of the tag of `version`."""
        tag = self.versions.get(version)
        return [problem for problem in self.problems if tag and problem.tag == tag.ref]


def read_registry(root: Path) -> Registry:
    """Returns the registry of the project in `root`. Raises Refusal if dvc.yaml names no model."""
    name = artifact(root)
    tags = read_tags(root, name)
    recorded = records(root, [tag.commit for tag in tags if tag.version])
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for tag in tags:
        try:
            entry = read_entry(tag.body)
        except ValueError as error:
            problems.append(Problem("unreadable", tag.ref, f"holds a record that cannot be read: {error}"))
            continue
        if entry:
            entries[tag.ref] = entry
            problems += _contradictions(tag, entry, recorded)
        else:
            words = "holds no record of its evidence: `recommit promote` makes tags that do"
            problems.append(Problem("no record", tag.ref, words))
    return Registry(name, tuple(tags), entries, tuple(problems))


def _contradictions(tag: Tag, entry: Entry, recorded: Mapping[str, Recorded]) -> Iterator[Problem]:
    """Yields a problem if `entry` was written for another tag than `tag`, or contradicts the hashes in its commit."""
    of = (entry.name, entry.version if tag.version else None, getattr(entry, "stage", None))
    if tag.inner != tag.ref or of != (tag.name, tag.version, tag.stage):
        words = f"is a copy: {tag.inner} was made with this record, for {entry.name} {entry.version}"
        yield Problem("copied", tag.ref, words)
    elif entry.commit != tag.commit:
        words = f"was moved: it was made for commit {entry.commit[:10]} and is on {tag.commit[:10]}"
        yield Problem("moved", tag.ref, words)
    elif isinstance(entry, VersionEntry) and (what := contradicted(entry, recorded[tag.commit])):
        words = f"has a record that its commit {tag.commit[:10]} contradicts: it has another {', another '.join(what)}"
        yield Problem("contradicted", tag.ref, words)
