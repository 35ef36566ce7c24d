"""Bring back the version that had a stage before, with its files checked, whatever became of the newest."""

from pathlib import Path

from recommit import Refusal
from recommit.registry.champion import all_or_nothing, install
from recommit.registry.change import PRODUCTION, Change, signature
from recommit.registry.entry import Before, StageEntry
from recommit.registry.files import FILES, collected, recorded, sound
from recommit.registry.history import Registry, read_registry
from recommit.registry.state import refuse_no_branch, refuse_staged
from recommit.registry.tags import check_stage, write_tag


def rollback(root: Path, stage: str, to: str | None, reason: str) -> Change:
    """Give `stage` back to the version that had it before, or to the version `to`, which had it once.

    Its files come from DVC's cache or a remote and are loaded and replayed before anything changes. Raises Refusal;
    then nothing has changed.
    """
    check_stage(stage)
    found = read_registry(root)
    holder, version = found.holder(stage), _target(found, stage, to)
    if version == holder:
        return Change(found.name, version, stage)
    refuse_no_branch(root)
    refuse_staged(root)
    folder = version_folder(root, found, version)
    sound(folder)
    ref = f"{found.name}#{stage}#{found.next_number()}"
    made = None
    with all_or_nothing(root, [ref]):
        entry = StageEntry(
            **signature(root, found, version, found.versions[version].commit, reason),
            forced=False, overruled=(), stage=stage, how="rollback", replaced=holder,
        )  # fmt: skip
        title = f"{found.name} {version} is {stage} again"
        tag = Before(tag=ref, object=write_tag(root, ref, title, entry, found.tags))
        if stage == PRODUCTION:
            made = install(root, folder, FILES, f"champion: {title}", tag)
    return Change(found.name, version, stage, holder, (ref,), made)


def _target(found: Registry, stage: str, to: str | None) -> str:
    """The version to bring back."""
    line = found.line(stage)
    if not line:
        raise Refusal(f"no version of {found.name} has {stage}: there is nothing to roll back")
    if to is None:
        if len(line) == 1:
            raise Refusal(
                f"{line[0]} is the first version that had {stage}: there is none before it; "
                "the champion before the registry is in Git: `git revert` the commit that replaced it"
            )
        return line[-2]
    version = found.full(to)
    had = list(dict.fromkeys(event.version for event in found.events(stage)))
    if version not in had:
        raise Refusal(f"{version} never had {stage}; these had: {', '.join(had)}")
    return version


def version_folder(root: Path, found: Registry, version: str) -> Path:
    """A folder with the files of a version whose tag is in order, from wherever they can be had.

    Raises Refusal where the tag is not in order, or says otherwise than dvc.lock at its commit.
    """
    for problem in found.against(version):
        raise Refusal(f"{problem}: what {version} was is not sure, and it is not used")
    entry = found.entry(version)
    if entry is None:
        raise Refusal(f"{found.name} has no version {version} with a record: `recommit models` lists them")
    locked = recorded(root, entry.commit)
    if locked != entry.files:
        name = next(name for name in locked if locked[name] != entry.files.get(name))
        raise Refusal(
            f"{found.name}@{version} says that {name} is {entry.files.get(name)}, dvc.lock at its commit says "
            f"{locked[name]}: one of them was tampered with"
        )
    return collected(root, entry.files)
