"""The registered versions that lineage follows: asked for by name or stage, or known by their files' hashes."""

import re
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.lineage.snapshot import Snapshot
from recommit.project.hashes import md5_of_folder
from recommit.registry.history import Registry, read_registry


@dataclass(frozen=True)
class Version:
    """A registered version: its name as people write it, NAME@v1.0.0, and the commit that its tag is on.

    `warnings` says in words what is not in order with the tags that led to it.
    """

    name: str
    commit: str
    warnings: tuple[str, ...] = ()


def registry_of(project: Path, text: str) -> Registry | None:
    """Return the project's registry, or None where dvc.yaml names no model: there are no versions then.

    Raises Refusal, with the reason, if `text` looks like the name of a version.
    """
    try:
        return read_registry(project)
    except Refusal:
        if re.fullmatch(r"[\w=-]+@[\w.-]+", text):
            raise
        return None


def model_name(registry: Registry) -> str:
    """Return the model's name without the project's folder, which GTO puts before it below a repository's top."""
    return registry.name.rpartition("=")[2]


def version_of(registry: Registry, number: str, stage: str = "") -> Version:
    """Return the registered version `number`; `stage` is the stage by which it was asked for, if it was."""
    problems = [*registry.against(number), *(registry.doubts(stage) if stage else ())]
    warnings = tuple(dict.fromkeys(map(str, problems)))
    return Version(f"{model_name(registry)}@{number}", registry.versions[number].commit, warnings)


def asked(registry: Registry, text: str) -> Version | None:
    """Return the version that `text` names: NAME@v1.2.3, NAME@v1, or NAME@STAGE; None where it names no model of ours.

    Raises Refusal, with what there is, where no version is called so or has the stage.
    """
    model, _, which = text.partition("@")
    if model not in (registry.name, model_name(registry)) or not which:
        return None
    if which not in registry.stages and re.match(r"v\d", which):
        return version_of(registry, registry.full(which))
    holder = registry.holder(which)
    if holder is None or holder not in registry.versions:
        known = ", ".join(registry.versions) or "none, `recommit promote` registers the first"
        raise Refusal(f"no version of {model} has the stage {which}; registered: {known}")
    return version_of(registry, holder, which)


def version_with(registry: Registry, path: str, md5: str) -> Version | None:
    """Return the version whose folder, or whose file with the name of `path`, is registered with the hash `md5`.

    Only tags that are in order count, and only those that record their files, as `recommit promote` makes them.
    """
    for number in registry.versions:
        entry = registry.entry(number)
        files = {name: file.md5 for name, file in entry.files.items()} if entry else {}
        if md5 in (md5_of_folder(files), files.get(path.rpartition("/")[2])) and not registry.against(number):
            return version_of(registry, number)
    return None


def path_of(shot: Snapshot, version: Version) -> str:
    """Return the path of the version's model by dvc.yaml's `artifacts:`. Raises Refusal where it names none."""
    model = version.name.partition("@")[0]
    entry = (shot.pipeline.get("artifacts") or {}).get(model)
    if not isinstance(entry, dict) or not entry.get("path"):
        raise Refusal(
            f"{version.name}: dvc.yaml of its commit {shot.sha[:10]} has no artifacts: {model}: path: "
            "it does not say where the model is"
        )
    return str(entry["path"]).rstrip("/")
