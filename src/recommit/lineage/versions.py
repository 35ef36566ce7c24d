"""The registered versions that lineage follows: asked for by name or stage, or known by their files' hashes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.hashes import md5_of_folder
from recommit.registry.history import Registry, read_registry
from recommit.registry.tags import parse


@dataclass(frozen=True)
class Version:
    """A registered version: its model's name, its number, the commit that its tag is on.

    `beware` says in words what is not in order with the tags that led to it.
    """

    model: str
    number: str
    commit: str
    beware: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How people write it: NAME@v1.0.0."""
        return f"{self.model}@{self.number}"


def registry_of(project: Path) -> Registry | None:
    """The project's registry, or None where dvc.yaml names no model: there are no versions then."""
    try:
        return read_registry(project)
    except Refusal:
        return None


def version_of(registry: Registry, number: str, stage: str = "") -> Version:
    """The registered version `number`, which may have been asked for by the stage that it has."""
    problems = registry.against(number)
    if stage:
        parts = ((problem, parse(problem.tag)) for problem in registry.problems)
        # A number that is missing has no name: it may have been this stage's.
        problems += [problem for problem, part in parts if part is None or part["stage"] == stage]
    beware = tuple(dict.fromkeys(map(str, problems)))
    return Version(_model(registry), number, registry.versions[number].commit, beware)


def asked(registry: Registry, text: str) -> Version | None:
    """The version that `text` names: NAME@v1.2.3, NAME@v1, or NAME@STAGE. None where it is not of this model.

    Raises Refusal, with what there is, where no version is called so or has the stage.
    """
    model, _, which = text.partition("@")
    if model not in (registry.name, _model(registry)) or not which:
        return None
    if which not in registry.stages and re.match(r"v\d", which):
        return version_of(registry, registry.full(which))
    holder = registry.holder(which)
    if holder is None:
        known = ", ".join(registry.versions) or "none, `recommit promote` registers the first"
        raise Refusal(f"no version of {model} has the stage {which}; registered: {known}")
    return version_of(registry, holder, which)


def numbers_in(registry: Registry, texts: list[str]) -> list[str]:
    """The numbers of versions that texts of a row name: NAME@v1.0.0 in one, or the name and the number in two."""
    model = _model(registry)
    own = [text.removeprefix(f"{model}@") for text in texts if text.startswith(f"{model}@") or model in texts]
    return [number for number in own if re.fullmatch(r"v\d+\.\d+\.\d+\S*", number)]


def version_with(registry: Registry, path: str, md5: str) -> Version | None:
    """The version that a model's folder, or the file of that name in it, is registered as with the hash `md5`.

    Only tags that are in order count, and only those that record their files, as `recommit promote` makes them.
    """
    file = path.rpartition("/")[2]
    for number, files in files_by_version(registry).items():
        if md5 in (md5_of_folder(files), files.get(file)) and not registry.against(number):
            return version_of(registry, number)
    return None


def files_by_version(registry: Registry) -> dict[str, Mapping[str, str]]:
    """The MD5 of each version's files by their name, where its tag records them."""
    entries = {number: registry.entry(number) for number in registry.versions}
    return {
        number: {name: file.md5 for name, file in entry.files.items()} for number, entry in entries.items() if entry
    }


def artifact_path(pipeline: Mapping[str, Any], version: Version) -> str:
    """Where dvc.yaml's `artifacts:` says that the model is. Raises Refusal where it says nothing."""
    entry = (pipeline.get("artifacts") or {}).get(version.model)
    if not isinstance(entry, dict) or not entry.get("path"):
        raise Refusal(
            f"{version.name}: dvc.yaml of its commit {version.commit[:10]} has no artifacts: {version.model}: path: "
            "it does not say where the model is"
        )
    return str(entry["path"]).rstrip("/")


def _model(registry: Registry) -> str:
    """The model's name without the project's folder, which GTO puts before it below a repository's top."""
    return registry.name.rpartition("=")[2]
