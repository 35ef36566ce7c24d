"""Bring back the version that had a stage before, with its files checked, whatever became of the newest."""

from pathlib import Path

from recommit import Refusal
from recommit.registry.champion import all_or_nothing, install
from recommit.registry.change import PRODUCTION, Change, check_reason, signature
from recommit.registry.entry import FILES, StageEntry
from recommit.registry.features import changed_features
from recommit.registry.files import collected, put_aside, recorded, sound
from recommit.registry.history import Registry, read_registry
from recommit.registry.state import refuse_no_branch, refuse_own, refuse_staged
from recommit.registry.tags import check_stage


def rollback(root: Path, stage: str, to: str | None, reason: str) -> Change:
    """Give `stage` back to the version that had it before, or to the version `to`, which had it once.

    Its files come from DVC's cache or a remote and are loaded and replayed before anything changes. Raises Refusal;
    then nothing has changed.
    """
    check_stage(stage)
    check_reason(reason)
    found = read_registry(root)
    holder, version = found.holder(stage), _target(found, stage, to)
    if version == holder and not found.unsure(stage):
        return Change(found.name, version, stage)
    refuse_no_branch(root)
    refuse_staged(root)
    if stage == PRODUCTION:
        refuse_own(root)
    folder = version_folder(root, found, version)
    tag = f"{found.name}@{version}"
    inputs = [column.name for column in sound(folder).inputs]
    features = changed_features(root, tag, found.versions[version].commit, inputs)
    ref = f"{found.name}#{stage}#{found.next_number()}"
    made = None
    aside = put_aside(root) if stage == PRODUCTION else ()
    with all_or_nothing(root) as work:
        entry = StageEntry(
            **signature(root, found, version, found.versions[version].commit, reason),
            forced=False, overruled=(), stage=stage, how="rollback", replaced=holder,
        )  # fmt: skip
        title = f"{found.name} {version} is {stage} again"
        given = work.tag(ref, title, entry, found.tags)
        if stage == PRODUCTION:
            made = install(root, folder, FILES, f"champion: {title}", given)
    return Change(found.name, version, stage, holder, (ref,), made, aside=aside, features=features)


def _target(found: Registry, stage: str, to: str | None) -> str:
    """The version to bring back."""
    line = found.line(stage)
    if not line:
        raise Refusal(f"no version of {found.name} has {stage}: there is nothing to roll back")
    if to is None:
        for problem in found.unsure(stage):
            raise Refusal(
                f"{problem}: which version has {stage} is not sure: `git fetch --tags`, or name one with --to"
            )
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
    for name, file in entry.files.items():
        if locked[name] != file.md5:
            raise Refusal(
                f"{found.name}@{version} says that {name} is {file.md5}, dvc.lock at its commit says "
                f"{locked[name]}: one of them was tampered with"
            )
    return collected(root, entry.files)
