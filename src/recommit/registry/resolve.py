"""From how people name a model to a folder that holds it."""

import re
from pathlib import Path

from recommit import Refusal
from recommit.registry.files import hashes
from recommit.registry.history import Registry, read_registry
from recommit.registry.rollback import version_folder
from recommit.registry.state import half_done

_NAMED = re.compile(
    r"(?:(?P<name>[\w/-]+)@)?(?P<version>v\d+(?:\.\d+\.\d+[-+.\w]*)?)|(?P<of>[\w/-]+)@(?P<stage>[\w/-]+)"
)


def resolve(root: Path, text: str) -> Path:
    """The folder with the three files of the model that `text` names.

    `text` is NAME@STAGE (flights@prod), NAME@VERSION (flights@v2.0.0, or flights@v2 for short), a VERSION, or the path
    of a folder. A version's files are fetched from DVC's cache or a remote into .recommit/models and checked against
    the hashes in its tag and in dvc.lock. Raises Refusal where there is no such model, or its tag is not in order.
    """
    named = _NAMED.fullmatch(text)
    if not named:
        folder = Path(text)
        if not folder.is_dir():
            raise Refusal(f"{text} is no folder, no version and no NAME@STAGE: `recommit models` lists what there is")
        hashes(folder)
        return folder
    found = read_registry(root)
    name = found.name.rpartition("=")[2]
    asked = named["name"] or named["of"] or name
    if asked not in (name, found.name):
        raise Refusal(f"{text}: the project's model is called {name}, not {asked}")
    if not named["version"] and (words := half_done(root)):
        raise Refusal(f"{text}: {words}")
    version = found.full(named["version"]) if named["version"] else _holder(found, named["stage"])
    return version_folder(root, found, version)


def _holder(found: Registry, stage: str) -> str:
    for problem in found.unsure(stage):
        fetch = ": `git fetch --tags`, or" if problem.kind == "missing" else ";"
        raise Refusal(f"{problem}: which version has {stage} is not sure{fetch} name a version")
    version = found.holder(stage)
    if version is None:
        had = f"; there are: {', '.join(found.stages)}" if found.stages else ""
        raise Refusal(f"no version of {found.name} has the stage {stage}{had}: `recommit promote` gives it")
    tags = {event.tag.ref for event in found.events(stage) if event.version == version}
    for problem in found.problems:
        if problem.tag in tags:
            raise Refusal(f"{problem}: which version has {stage} is not sure; name a version")
    return version
