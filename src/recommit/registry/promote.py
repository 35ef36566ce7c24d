"""Promotes the candidate: it becomes a version, is given a stage, and becomes the champion."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recommit import Refusal
from recommit.project.git import git
from recommit.registry.change import PRODUCTION, Change
from recommit.registry.entry import File, Interval, StageEntry, VersionEntry, check_reason, one_line, signature
from recommit.registry.files import hashes, sound
from recommit.registry.history import Registry, read_registry
from recommit.registry.looks import tried
from recommit.registry.objections import Judged, judged
from recommit.registry.recorded import Recorded, records
from recommit.registry.state import refuse_changes, refuse_no_branch, refuse_own, refuse_stale
from recommit.registry.tags import CANDIDATE, check_stage
from recommit.registry.transaction import New, commit_change

if TYPE_CHECKING:
    from recommit.artifact.manifest import Manifest


def promote(root: Path, stage: str, reason: str, force: bool) -> Change:
    """Registers the candidate as the next version, unless it is one already, and gives it `stage`.

    `force` overrules objections of the evidence, and needs a `reason`. Raises Refusal, with status 1 if evidence speaks
    against it; then nothing has changed.
    """
    check_stage(stage)
    check_reason(reason)
    if force and not reason:
        raise Refusal("--force overrules evidence: say why with --reason")
    refuse_no_branch(root)
    found = read_registry(root)
    if stage == PRODUCTION:
        refuse_own(root)
    refuse_changes(root)
    head = git(root, "rev-parse", "HEAD")
    recorded = records(root, [head])[head]
    files = _candidate(root, recorded)
    version = found.of_files(files)
    if version and found.holder(stage) == version:
        return Change(found.name, version, stage)
    if version and version in {event.entry.version for event in found.events(stage)}:
        raise Refusal(
            f"{version} had {stage} and was rolled back: `recommit rollback --to {version}` brings it back", 1
        )
    if not version or stage == PRODUCTION:
        refuse_stale(root)
    _refuse_taken(found, head, version)
    manifest = sound(root / CANDIDATE)
    if manifest.name != found.model:
        raise Refusal(
            f"{CANDIDATE}/manifest.json is of {manifest.name}, dvc.yaml's artifact of {CANDIDATE} is {found.name}"
        )
    judgement, tries = judged(root, files), tried(root)
    objections = (*judgement.objections, *tries.objections)
    against = () if version and stage != PRODUCTION else tuple(map(one_line, objections))
    if against and not force:
        more = "".join(f"\n  {words}" for words in against[1:])
        raise Refusal(f"not promoted: {against[0]}{more}", 1)
    commit = found.versions[version].commit if version else head
    said = signature(root, found.name, version or found.next_version(), commit, reason)
    said |= {"forced": force, "overruled": against, "looks": tries.looks}
    called = f"{found.name} {said['version']}"
    given = StageEntry(**said, stage=stage, how="promote", replaced=found.holder(stage))
    tags = [New(f"{found.name}#{stage}#{found.next_number()}", f"{called} is {stage}{' (forced)' * force}", given)]
    if not version:
        entry = _version(said, files, recorded, judgement, manifest)
        tags.insert(0, New(f"{found.name}@{entry.version}", f"{called}{' (forced)' * force}", entry))
    made = commit_change(root, tags, found.tags, root / CANDIDATE if stage == PRODUCTION else None)
    return Change(
        found.name, given.version, stage, given.replaced, tuple(tag.ref for tag in tags), made, against, force,
        looks=tries.looks, accepted=tuple(map(str, judgement.accepted)), unused=judgement.unused,
    )  # fmt: skip


def _version(
    said: dict[str, Any], files: dict[str, File], recorded: Recorded, judgement: Judged, manifest: "Manifest"
) -> VersionEntry:
    """Returns the record of a new version: `said` is what every record says, `recorded` the hashes in its commit."""
    return VersionEntry(
        **said,
        files=files,
        lock=recorded.lock or "",
        decision=judgement.answer,
        evidence=recorded.evidence,
        accepted=judgement.accepted,
        as_of=manifest.as_of or "",
        measured="test" if judgement.metrics else "validation",
        metrics=judgement.metrics or {name: Interval.of(one) for name, one in manifest.scores.items()},
    )


def _candidate(root: Path, recorded: Recorded) -> dict[str, File]:
    """Returns the hashes of the candidate's files. Raises Refusal if dvc.lock records other ones."""
    files = hashes(root / CANDIDATE)
    for name, file in files.items():
        locked = recorded.files.get(name)
        if locked is None:
            raise Refusal(f"dvc.lock records no {CANDIDATE}/{name}: list it as an out, then `dvc repro`")
        if locked != file.md5:
            raise Refusal(
                f"{CANDIDATE}/{name} (md5 {file.md5}) is not what dvc.lock records ({locked}): "
                f"`dvc checkout {CANDIDATE}/{name}` or `dvc repro`"
            )
    return files


def _refuse_taken(found: Registry, commit: str, version: str | None) -> None:
    """Raises Refusal if `commit` is another version already: GTO cannot read a registry with two on one commit."""
    taken = [other for other in found.of_commit(commit) if other != version]
    if taken:
        said = "; ".join(str(problem) for problem in found.against(taken[0]))
        raise Refusal(
            f"this commit is {found.name}@{taken[0]} already, and GTO cannot read a registry with two versions on one "
            f"commit{f' ({said})' if said else ''}: take that tag away, or commit again"
        )
