"""Finds registered versions by their name, by a stage, or by the hashes of their files."""

import re
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.project.hashes import md5_of_folder
from recommit.registry.history import Registry, read_registry


@dataclass(frozen=True)
class Version:
    """A registered version: its name, as in `flights@v1.0.0`, and the commit that its tag is on.

    `warnings` name faults of the tags by which it was found.
    """

    name: str
    commit: str
    warnings: tuple[str, ...] = ()


def registry_of(project: Path, text: str) -> Registry | None:
    """Return the project's registry, or None if dvc.yaml names no model, so that there are no versions.

    Raises Refusal instead of returning None if `text` looks like the name of a version.
    """
    try:
        return read_registry(project)
    except Refusal:
        if re.fullmatch(r"[\w=-]+@[\w.-]+", text):
            raise
        return None


def version_of(registry: Registry, number: str, stage: str = "") -> Version:
    """Return the registered version `number`; `stage` is the stage by which it was found, or ""."""
    problems = [*registry.against(number), *(registry.doubts(stage) if stage else ())]
    warnings = tuple(dict.fromkeys(map(str, problems)))
    return Version(f"{registry.model}@{number}", registry.versions[number].commit, warnings)


def asked(registry: Registry, text: str) -> Version | None:
    """Return the version that `text` names: NAME@v1.2.3, NAME@v1, or NAME@STAGE; None if NAME is not the model's.

    Raises Refusal, with the registered versions, if there is no such version or none has the stage.
    """
    model, _, which = text.partition("@")
    if model not in (registry.name, registry.model) or not which:
        return None
    if which not in registry.stages and re.match(r"v\d", which):
        return version_of(registry, registry.full(which))
    holder = registry.holder(which)
    if holder is None or holder not in registry.versions:
        known = ", ".join(registry.versions) or "none, `recommit promote` registers the first"
        raise Refusal(f"no version of {model} has the stage {which}; registered: {known}")
    return version_of(registry, holder, which)


def version_with(registry: Registry, path: str, md5: str) -> Version | None:
    """Return the version whose record has the hash `md5` for its folder, or for its file with the name of `path`.

    Only versions whose tags are in order count. Return None if there is none.
    """
    for number in registry.versions:
        entry = registry.entry(number)
        files = {name: file.md5 for name, file in entry.files.items()} if entry else {}
        if md5 in (md5_of_folder(files), files.get(path.rpartition("/")[2])) and not registry.against(number):
            return version_of(registry, number)
    return None
