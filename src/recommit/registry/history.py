"""The registry as its tags tell it: versions, who had which stage when, and what does not add up."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import filterfalse, pairwise
from pathlib import Path
from typing import Literal

from recommit import Refusal
from recommit.registry.champion import last_named
from recommit.registry.entry import Before, Entry, File, StageEntry, VersionEntry, read_entry
from recommit.registry.recorded import Recorded, contradicted, records
from recommit.registry.tags import Tag, artifact, following, is_absurd, major_in, number_in, parse, read_tags

Kind = Literal[
    "no evidence", "unreadable", "moved", "copied", "missing", "made again", "one commit", "no version", "half done",
    "contradicted", "unlinked",
]  # fmt: skip

_MISSING = "not in this clone, deleted or never published"
"""Of a tag that another record names: which of the two cannot be told from here."""


@dataclass(frozen=True)
class Problem:
    """Something that does not add up: of which kind, at which tag, in words."""

    kind: Kind
    tag: str
    words: str
    number: int = 0
    """The highest number of a stage's tag that it is about, 0 where it is about no stage."""

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
    """All tags of a model in order, with the entries that they hold by their name."""

    name: str
    tags: tuple[Tag, ...]
    entries: Mapping[str, Entry]
    problems: tuple[Problem, ...]

    @cached_property
    def versions(self) -> dict[str, Tag]:
        """The registered versions and their tags, in order; those taken away again are left out."""
        found: dict[str, Tag] = {}
        for tag in self.tags:
            if tag.version and tag.undone:
                found.pop(tag.version, None)
            elif tag.version:
                found[tag.version] = tag
        return found

    def entry(self, version: str) -> VersionEntry | None:
        """What the version's tag says of it."""
        tag = self.versions.get(version)
        found = self.entries.get(tag.ref) if tag else None
        return found if isinstance(found, VersionEntry) else None

    def of_commit(self, commit: str) -> list[str]:
        """The versions on a commit."""
        return self._of_commits.get(commit, [])

    @cached_property
    def _of_commits(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for version, tag in self.versions.items():
            found[tag.commit].append(version)
        return dict(found)

    def of_files(self, files: Mapping[str, File]) -> str | None:
        """The version that these very files are registered as, by their hashes."""
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
        """What happened to a stage, in the order of the tags' numbers: a tag made again has a new date."""
        return self._events.get(stage, [])

    @cached_property
    def _events(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for tag in sorted(self.tags, key=lambda tag: tag.number):
            if tag.stage and (version := self._version(tag)):
                entry = self.entries.get(tag.ref)
                found[tag.stage].append(Event(tag, version, entry if isinstance(entry, StageEntry) else None))
        return dict(found)

    def _version(self, tag: Tag) -> str | None:
        entry = self.entries.get(tag.ref)
        return entry.version if entry else next(iter(self.of_commit(tag.commit)), None)

    def line(self, stage: str) -> list[str]:
        """The versions that had the stage, the one that has it last: what was rolled back from is left out."""
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
        """The version that has the stage."""
        return next(reversed(self.line(stage)), None)

    def unsure(self, stage: str) -> list[Problem]:
        """What makes it doubtful which version has the stage: its tags that are not in order, from its last one on.

        A gap in the numbers may have been of any stage.
        """
        events = self.events(stage)
        last = events[-1].tag.number if events and not events[-1].tag.undone else 0
        found = []
        for problem in self.problems:
            of = (parse(problem.tag) or {}).get("stage")
            if problem.number >= max(last, 1) and of in (stage, None):
                found.append(problem)
        return found

    def full(self, text: str) -> str:
        """The registered version that `text` names: v2.0.0, or v2 for short. Raises Refusal for any other."""
        match = re.fullmatch(r"v\d+(\.0\.0)?", text)
        version = f"{text}.0.0" if match and not match[1] else text
        if version not in self.versions:
            known = ", ".join(self.versions) or "none"
            raise Refusal(f"{self.name} has no version {text}; registered: {known}")
        return version

    def next_version(self) -> str:
        """The version after every one that a tag, an entry or a lost tag names: no number is used twice."""
        named = [tag.version for tag in self.tags] + [entry.version for entry in self.entries.values()]
        named += [(parse(problem.tag) or {}).get("version") for problem in self.problems]
        return f"v{following((major_in(version) for version in named if version), f'a version of {self.name}')}.0.0"

    def next_number(self) -> int:
        """The number of the next stage's tag, after every one in use and every one lost."""
        lost = [number_in(problem.tag) for problem in self.problems]
        return following([*lost, *(tag.number for tag in self.tags)], f"a stage's tag of {self.name}")

    def last(self) -> Before | None:
        """The tag made last, for the next one to name."""
        return Before(tag=self.tags[-1].ref, object=self.tags[-1].object) if self.tags else None

    def against(self, version: str) -> list[Problem]:
        """What is wrong with a version's own tag."""
        tag = self.versions.get(version)
        return self._against.get(tag.ref, []) if tag else []

    @cached_property
    def _against(self) -> dict[str, list[Problem]]:
        found: dict[str, list[Problem]] = defaultdict(list)
        for problem in self.problems:
            if problem.kind != "missing":
                found[problem.tag].append(problem)
        return dict(found)


def read_registry(root: Path) -> Registry:
    """The registry of the project in `root`."""
    name = artifact(root)
    tags = read_tags(root, name)
    return registry(name, tags, records(root, [tag.commit for tag in tags if tag.version]), last_named(root))


def registry(
    name: str, tags: Sequence[Tag], recorded: Mapping[str, Recorded], champion: Before | None = None
) -> Registry:
    """The registry that these tags make up, in the order that they were made in.

    `recorded` is what each version's commit records. `champion` is the tag that the last commit of a champion names:
    the loss of the last tags would not show otherwise.
    """
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for tag in filter(is_absurd, tags):
        problems.append(Problem("unreadable", tag.ref, "has a number that nobody counted up to: delete it"))
    tags = list(filterfalse(is_absurd, tags))
    for tag in tags:
        try:
            entry = read_entry(tag.body)
        except ValueError as error:
            problems.append(Problem("unreadable", tag.ref, f"holds a record that cannot be read: {error}"))
            continue
        if entry:
            entries[tag.ref] = entry
            problems += _contradictions(tag, entry) or _otherwise(tag, entry, recorded)
        elif not tag.undone:
            how = "has no message" if not tag.inner else "holds no record"
            words = f"{how}: nobody knows on what evidence it was made; `recommit promote` makes tags that say so"
            problems.append(Problem("no evidence", tag.ref, words))
    problems += _unlinked(entries)
    named = {ref: entry.before for ref, entry in entries.items() if entry.before}
    if champion and (parse(champion.tag) or {}).get("name") == name:
        named["the commit of the champion"] = champion
    problems += _lost(name, tags, named)
    problems += _together(tags, entries, {problem.tag for problem in problems if problem.kind == "missing"})
    problems = [replace(problem, number=problem.number or number_in(problem.tag)) for problem in problems]
    return Registry(name, tuple(tags), entries, tuple(problems))


def _contradictions(tag: Tag, entry: Entry) -> list[Problem]:
    """Where a tag is not the one that its record was made for."""
    if tag.inner != tag.ref:
        return [Problem("copied", tag.ref, f"is a copy of {tag.inner}: its tag object has that name")]
    if entry.commit != tag.commit:
        words = f"was moved: it was made for commit {entry.commit[:10]} and is on {tag.commit[:10]}"
        return [Problem("moved", tag.ref, words)]
    if (entry.name, entry.version if tag.version else None, getattr(entry, "stage", None)) != (
        tag.name, tag.version, tag.stage,
    ):  # fmt: skip
        return [Problem("copied", tag.ref, f"holds the record of another tag, of {entry.name} {entry.version}")]
    return []


def _otherwise(tag: Tag, entry: Entry, recorded: Mapping[str, Recorded]) -> list[Problem]:
    """Where a version's record says otherwise than the files of its commit."""
    if not isinstance(entry, VersionEntry):
        return []
    what = contradicted(entry, recorded.get(tag.commit, Recorded()))
    words = f"says otherwise than its commit {tag.commit[:10]}: {', '.join(what)}: it was not made by a promotion"
    return [Problem("contradicted", tag.ref, words)] if what else []


def _unlinked(entries: Mapping[str, Entry]) -> list[Problem]:
    """The records that name no tag before them, but for the first: it may have been made again, and be dated last."""
    named = {entry.before.tag for entry in entries.values() if entry.before}
    unlinked = [ref for ref, entry in entries.items() if entry.before is None]
    first = next((ref for ref in unlinked if ref in named or ref == next(iter(entries))), None)
    words = "names no tag before it, and is not the first: it was not made by a promotion, or without the other tags"
    return [Problem("unlinked", ref, words) for ref in unlinked if ref != first]


def _lost(name: str, tags: Sequence[Tag], named: Mapping[str, Before]) -> Iterator[Problem]:
    """Tags that were there when others were made, and that are gone or are others now; gaps in the stages' numbers."""
    present = {tag.ref: tag.object for tag in tags}
    gone, other = set(), set()
    for by, before in named.items():
        if before.tag not in present and before.tag not in gone:
            gone.add(before.tag)
            yield Problem("missing", before.tag, f"is {_MISSING}: it was there when {by} was made")
        elif before.tag in present and present[before.tag] != before.object and before.tag not in other:
            other.add(before.tag)
            yield Problem("made again", before.tag, f"is not the tag that was there when {by} was made")
    numbers = {0, *(tag.number for tag in tags), *map(number_in, gone)}
    for number, after in pairwise(sorted(numbers)):
        if after > number + 1:
            last = f" to {after - 1}" if after > number + 2 else ""
            words = f"is {_MISSING}: the stages' tags are numbered without gaps"
            yield Problem("missing", f"{name}#…#{number + 1}{last}", words, after - 1)


def _together(tags: Sequence[Tag], entries: Mapping[str, Entry], lost: set[str]) -> Iterator[Problem]:
    known = {tag.version: tag for tag in tags if tag.version and not tag.undone}
    undone = {tag.version for tag in tags if tag.version and tag.undone}
    registered = [tag for tag in known.values() if tag.version not in undone]
    for commit, count in Counter(tag.commit for tag in registered).items():
        if count > 1:
            first, *others = sorted(tag.ref for tag in registered if tag.commit == commit)
            words = f"and {', '.join(others)} are on one commit, {commit[:10]}: GTO cannot tell them apart"
            yield Problem("one commit", first, words)
    commits = {tag.commit for tag in known.values()}
    for tag in (tag for tag in tags if tag.stage):
        entry = entries.get(tag.ref)
        if entry and entry.version not in known and f"{tag.name}@{entry.version}" not in lost:
            yield Problem("no version", tag.ref, f"gives a stage to {entry.version}, which is not registered")
        elif not entry and tag.commit not in commits:
            yield Problem("no version", tag.ref, f"is on commit {tag.commit[:10]}, which no version is on")
