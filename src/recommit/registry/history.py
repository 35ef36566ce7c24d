"""The registry as its tags tell it: versions, who had which stage when, and which tags are not in order."""

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
    """A tag that is not in order: what kind of fault it has, and the fault in words."""

    kind: Kind
    tag: str
    words: str

    def __str__(self) -> str:
        return f"{self.tag} {self.words}"


@dataclass(frozen=True)
class Event:
    """A stage given to a version, or taken from it."""

    tag: Tag
    version: str
    entry: StageEntry | None


@dataclass(frozen=True)
class Registry:
    """All tags of a model in the order they were made in, and the record of each, by the tag's name."""

    name: str
    tags: tuple[Tag, ...]
    entries: Mapping[str, Entry]
    problems: tuple[Problem, ...]

    @cached_property
    def versions(self) -> dict[str, Tag]:
        """The registered versions and their tags, in order; versions that were taken away again are left out."""
        found: dict[str, Tag] = {}
        for tag in self.tags:
            if tag.version and tag.undone:
                found.pop(tag.version, None)
            elif tag.version:
                found[tag.version] = tag
        return found

    def entry(self, version: str) -> VersionEntry | None:
        """Returns the record in the version's tag, or None where there is none that can be read."""
        tag = self.versions.get(version)
        found = self.entries.get(tag.ref) if tag else None
        return found if isinstance(found, VersionEntry) else None

    def of_commit(self, commit: str) -> list[str]:
        """Returns the versions whose tags are on `commit`."""
        return [version for version, tag in self.versions.items() if tag.commit == commit]

    def of_files(self, files: Mapping[str, File]) -> str | None:
        """Returns the version whose record has these hashes of `files` and whose tag is in order, or None."""
        for version in self.versions:
            entry = self.entry(version)
            if entry and entry.files == dict(files) and not self.against(version):
                return version
        return None

    @cached_property
    def stages(self) -> list[str]:
        """The stages that were ever given."""
        return list(dict.fromkeys(tag.stage for tag in self.tags if tag.stage))

    def events(self, stage: str) -> list[Event]:
        """Returns what happened to `stage`, ordered by the tags' numbers; a tag that is made again has a new date."""
        found = []
        for tag in sorted((tag for tag in self.tags if tag.stage == stage), key=lambda tag: tag.number):
            entry = self.entries.get(tag.ref)
            version = entry.version if entry else next(iter(self.of_commit(tag.commit)), None)
            if version:
                found.append(Event(tag, version, entry if isinstance(entry, StageEntry) else None))
        return found

    def line(self, stage: str) -> list[str]:
        """Returns the versions that had `stage` and were not rolled back from, oldest first; the last one has it."""
        line: list[str] = []
        for event in self.events(stage):
            if event.tag.undone:
                line = [version for version in line if version != event.version]
            elif event.entry and event.entry.how == "rollback" and event.version in line:
                line = line[: len(line) - line[::-1].index(event.version)]
            elif line[-1:] != [event.version]:
                line.append(event.version)
        return line

    def holder(self, stage: str) -> str | None:
        """Returns the version that has `stage`, or None."""
        return next(reversed(self.line(stage)), None)

    def doubts(self, stage: str) -> list[Problem]:
        """Returns the problems of the tag that gave `stage` to its holder, and of the later tags of `stage`."""
        holder = self.holder(stage)
        given = [event.tag.number for event in self.events(stage) if event.version == holder and not event.tag.undone]
        since = max(given, default=0)
        deciding = {tag.ref for tag in self.tags if tag.stage == stage and tag.number >= since}
        return [problem for problem in self.problems if problem.tag in deciding]

    def full(self, text: str) -> str:
        """Returns the registered version that `text` names: v2.0.0, or v2 for short. Raises Refusal for any other."""
        match = re.fullmatch(r"v\d+(\.0\.0)?", text)
        version = f"{text}.0.0" if match and not match[1] else text
        if version not in self.versions:
            known = ", ".join(self.versions) or "none"
            raise Refusal(f"{self.name} has no version {text}; registered: {known}; `git fetch --tags` gets later ones")
        return version

    def next_version(self) -> str:
        """Returns the version after all that a tag or a record names, so that no number is used twice."""
        named = [tag.version for tag in self.tags] + [entry.version for entry in self.entries.values()]
        return f"v{max(map(major, filter(None, named)), default=0) + 1}.0.0"

    def next_number(self) -> int:
        """Returns the number of the next stage's tag, one more than the largest in use."""
        return max((tag.number for tag in self.tags), default=0) + 1

    def against(self, version: str) -> list[Problem]:
        """Returns the problems of the tag of `version`."""
        tag = self.versions.get(version)
        return [problem for problem in self.problems if tag and problem.tag == tag.ref]


def read_registry(root: Path) -> Registry:
    """Returns the registry of the project in `root`."""
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
        elif not tag.undone:
            words = "holds no record of its evidence: `recommit promote` makes tags that do"
            problems.append(Problem("no record", tag.ref, words))
    return Registry(name, tuple(tags), entries, tuple(problems))


def _contradictions(tag: Tag, entry: Entry, recorded: Mapping[str, Recorded]) -> Iterator[Problem]:
    """Yields a problem where `tag` is not the tag that `entry` was written for, or `entry` differs from `recorded`."""
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
