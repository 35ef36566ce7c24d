"""Brings back the version that had a stage before. The files of the newest version are not needed."""

from pathlib import Path

from recommit import Refusal
from recommit.registry.change import PRODUCTION, Change
from recommit.registry.entry import StageEntry, check_reason, signature
from recommit.registry.features import changed_code
from recommit.registry.files import put_aside, sound
from recommit.registry.history import Registry, read_registry
from recommit.registry.resolve import version_folder
from recommit.registry.state import refuse_no_branch, refuse_own, refuse_staged
from recommit.registry.tags import check_stage
from recommit.registry.transaction import New, commit_change


def rollback(root: Path, stage: str, to: str | None, reason: str) -> Change:
    """Gives `stage` back to the version that had it before, or to the version `to`, which must have had it once.

    Its files come from DVC's cache or a remote. They are loaded, and their golden rows checked, before anything
    changes. Raises Refusal; then nothing has changed.
    """
    check_stage(stage)
    check_reason(reason)
    found = read_registry(root)
    holder, version = found.holder(stage), _target(found, stage, to)
    if version == holder and not found.doubts(stage):
        return Change(found.name, version, stage)
    refuse_no_branch(root)
    if stage == PRODUCTION:
        refuse_own(root)
    refuse_staged(root)
    folder = version_folder(root, found, version)
    commit = found.versions[version].commit
    inputs = [column.name for column in sound(folder).inputs]
    code = changed_code(root, f"{found.name}@{version}", commit, inputs)
    aside = put_aside(root) if stage == PRODUCTION else ()
    entry = StageEntry(
        **signature(root, found.name, version, commit, reason),
        stage=stage, how="rollback", replaced=holder,
    )  # fmt: skip
    tag = New(f"{found.name}#{stage}#{found.next_number()}", f"{found.name} {version} is {stage} again", entry)
    made = commit_change(root, [tag], found.tags, folder if stage == PRODUCTION else None)
    return Change(found.name, version, stage, holder, (tag.ref,), made, aside=aside, code=code)


def _target(found: Registry, stage: str, to: str | None) -> str:
    """Returns the version to bring back. Raises Refusal if there is none, or if tags leave it unclear."""
    line = found.line(stage)
    if not line:
        raise Refusal(f"no version of {found.name} has {stage}: there is nothing to roll back")
    if to is None:
        for problem in found.doubts(stage):
            raise Refusal(f"{problem}: which version has {stage} is not sure: name one with --to")
        if len(line) == 1:
            raise Refusal(
                f"{line[0]} is the first version that had {stage}: there is none before it; "
                "the champion before the registry is in Git: `git revert` the commit that replaced it"
            )
        return line[-2]
    version = found.full(to)
    had = list(dict.fromkeys(event.entry.version for event in found.events(stage)))
    if version not in had:
        raise Refusal(f"{version} never had {stage}; these had: {', '.join(had)}")
    return version
