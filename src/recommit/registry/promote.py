"""Promote the candidate: a version and a stage as tags with the evidence in them, and the champion to beat next."""

from dataclasses import replace
from pathlib import Path

from recommit import Refusal
from recommit.project.git import git
from recommit.project.hashes import md5_of
from recommit.registry.champion import all_or_nothing, install
from recommit.registry.change import PRODUCTION, Change, check_reason, signature
from recommit.registry.entry import FILES, File, Interval, StageEntry, VersionEntry, one_line
from recommit.registry.files import hashes, recorded, sound
from recommit.registry.history import Registry, read_registry
from recommit.registry.looks import tried
from recommit.registry.objections import judged
from recommit.registry.state import refuse_changes, refuse_no_branch, refuse_own, refuse_stale
from recommit.registry.tags import CANDIDATE, artifact, check_stage


def promote(root: Path, stage: str, reason: str, force: bool) -> Change:
    """Register the candidate as the next version, unless it is one, and give it the stage.

    Raises Refusal, with status 1 where evidence speaks against it; then nothing has changed.
    """
    check_stage(stage)
    check_reason(reason)
    if force and not reason:
        raise Refusal("--force overrules evidence: say why with --reason")
    refuse_no_branch(root)
    name, found = artifact(root), read_registry(root)
    refuse_changes(root)
    if stage == PRODUCTION:
        refuse_own(root)
    files = _committed_files(root)
    version = found.of_files(files)
    if version and found.holder(stage) == version:
        return Change(name, version, stage)
    if version and version in {event.version for event in found.events(stage)}:
        raise Refusal(
            f"{version} had {stage} and was rolled back: `recommit rollback --to {version}` brings it back", 1
        )
    if not version or stage == PRODUCTION:
        refuse_stale(root)
    _refuse_taken(root, found, version)
    manifest = sound(root / CANDIDATE)
    if manifest.name != name.rpartition("=")[2]:
        raise Refusal(f"{CANDIDATE}/manifest.json is of {manifest.name}, dvc.yaml's artifact of {CANDIDATE} is {name}")
    judgement, tries = judged(root, files), tried(root)
    objections = (*judgement.objections, *tries.objections)
    against = () if version and stage != PRODUCTION else tuple(map(one_line, objections))
    if against and not force:
        more = "".join(f"\n  {words}" for words in against[1:])
        raise Refusal(f"not promoted: {against[0]}{more}", 1)
    entry = None
    if not version:
        metrics = judgement.metrics or {name: Interval(**score.model_dump()) for name, score in manifest.scores.items()}
        version = found.next_version()
        entry = VersionEntry(
            **signature(root, found, version, "HEAD", reason),
            forced=force,
            overruled=against,
            looks=tries.looks,
            files=files,
            lock=md5_of(root / "dvc.lock"),
            decision=judgement.decision,
            evidence=judgement.sha256,
            accepted=judgement.accepted,
            as_of=str(manifest.as_of),
            measured="test" if judgement.metrics else "validation",
            metrics=dict(metrics),
        )
    change = _write(root, found, entry, version, stage, reason, force, against, tries.looks)
    return replace(change, looks=tries.looks, accepted=tuple(map(str, judgement.accepted)), unused=judgement.unused)


def _write(
    root: Path,
    found: Registry,
    entry: VersionEntry | None,
    version: str,
    stage: str,
    reason: str,
    force: bool,
    against: tuple[str, ...],
    looks: int | None,
) -> Change:
    commit = entry.commit if entry else found.versions[version].commit
    replaced = found.holder(stage)
    refs = [f"{found.name}@{version}"] * (entry is not None) + [f"{found.name}#{stage}#{found.next_number()}"]
    made = None
    with all_or_nothing(root) as work:
        before = found.last()
        if entry:
            before = work.tag(refs[0], _title(entry), entry, found.tags)
        given = StageEntry(
            **signature(root, found, version, commit, reason, before),
            forced=force, overruled=against, looks=looks, stage=stage, how="promote", replaced=replaced,
        )  # fmt: skip
        title = f"{found.name} {version} is {stage}{' (forced)' if force else ''}"
        tag = work.tag(refs[-1], title, given, found.tags)
        if stage == PRODUCTION:
            made = install(root, root / CANDIDATE, FILES, f"champion: {title}", tag)
    return Change(found.name, version, stage, replaced, tuple(refs), made, against, force)


def _title(entry: VersionEntry) -> str:
    return f"{entry.name} {entry.version}{' (forced)' if entry.forced else ''}"


def _committed_files(root: Path) -> dict[str, File]:
    """The candidate's files by hash, which dvc.lock of the commit records too."""
    files = hashes(root / CANDIDATE)
    locked = recorded(root, "HEAD")
    for name, file in files.items():
        if locked[name] != file.md5:
            raise Refusal(
                f"{CANDIDATE}/{name} (md5 {file.md5}) is not what dvc.lock records ({locked[name]}): "
                f"`dvc checkout {CANDIDATE}/{name}` or `dvc repro`"
            )
    return files


def _refuse_taken(root: Path, found: Registry, version: str | None) -> None:
    """Refuse a second version on one commit: GTO could not read the registry any more."""
    taken = [other for other in found.of_commit(git(root, "rev-parse", "HEAD")) if other != version]
    if taken:
        said = "; ".join(str(problem) for problem in found.against(taken[0]))
        raise Refusal(
            f"this commit is {found.name}@{taken[0]} already, and two versions on one commit wedge GTO"
            f"{f' ({said})' if said else ''}: take that tag away, or commit again"
        )
