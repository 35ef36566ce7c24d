"""Finds the folder of a model that is named by path, version or stage."""

import re
from collections.abc import Mapping
from pathlib import Path

from recommit import Refusal
from recommit.registry.change import PRODUCTION
from recommit.registry.entry import File, VersionEntry
from recommit.registry.files import collected, hashes
from recommit.registry.history import Registry, read_registry

_NAMED = re.compile(
    r"(?:(?P<name>[\w/-]+)@)?(?P<version>v\d+(?:\.\d+\.\d+[-+.\w]*)?)|(?P<of>[\w/-]+)@(?P<stage>[\w/-]+)"
)


def resolve(root: Path, text: str) -> Path:
    """Returns the folder with the three files of the model that `text` names.

    `text` is NAME@STAGE (flights@prod), NAME@VERSION (flights@v2.0.0, or flights@v2 for short), a VERSION, or the path
    of a folder. A version's files are fetched from DVC's cache or a remote into .recommit/models, and checked against
    the hashes in its tag. Raises Refusal if there is no such model, or its tag is not in order.
    """
    named = _NAMED.fullmatch(text)
    if not named:
        folder = Path(text)
        if not folder.is_dir():
            raise Refusal(f"{text} is no folder, no version and no NAME@STAGE: `recommit models` lists what there is")
        hashes(folder)
        return folder
    found = read_registry(root)
    asked = named["name"] or named["of"] or found.model
    if asked not in (found.model, found.name):
        raise Refusal(f"{text}: the project's model is called {found.model}, not {asked}")
    version = found.full(named["version"]) if named["version"] else _holder(found, named["stage"])
    return version_folder(root, found, version)


def stage_of(text: str | None) -> str | None:
    """Returns the stage that `text` names, prod for None; or None where `text` is a version or a folder."""
    if text is None:
        return PRODUCTION
    named = _NAMED.fullmatch(text)
    return named["stage"] if named else None


def held(root: Path, stage: str) -> tuple[str, Mapping[str, File]] | None:
    """Returns the version that has `stage` in this clone, with its files' hashes; None where no tag gives `stage`.

    Raises Refusal where which one it is is not sure, or its tag is not in order.
    """
    found = read_registry(root)
    if stage not in found.stages:
        return None
    version = _holder(found, stage)
    return version, _entry(found, version).files


def _holder(found: Registry, stage: str) -> str:
    for problem in found.doubts(stage):
        raise Refusal(f"{problem}: which version has {stage} is not sure; name a version")
    version = found.holder(stage)
    if version is None:
        had = f"; there are: {', '.join(found.stages)}" if found.stages else ""
        raise Refusal(
            f"no version of {found.name} has the stage {stage}{had}: `git fetch --tags` gets it where it was given "
            "elsewhere, `recommit promote` gives it"
        )
    return version


def version_folder(root: Path, found: Registry, version: str) -> Path:
    """Returns a folder with the files of `version`, from DVC's cache or a remote.

    Raises Refusal if the version's tag is not in order, or a file cannot be found.
    """
    return collected(root, _entry(found, version).files)


def _entry(found: Registry, version: str) -> VersionEntry:
    for problem in found.against(version):
        raise Refusal(f"{problem}: so {version} is not used")
    entry = found.entry(version)
    if entry is None:
        raise Refusal(
            f"{found.name}@{version} is not registered in this clone: `git fetch --tags`, unless it was taken away"
        )
    return entry
