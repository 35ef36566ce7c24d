"""Proves a commit: lays it out in a private folder, replays its stages, and gives a verdict on each output."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.contents import Contents
from recommit.project.dvc import cache_of, fetch
from recommit.project.git import git
from recommit.project.hashes import ignored_by_dvc, md5_of
from recommit.project.lock import LockedStage
from recommit.project.vendored import unlike_the_wheels
from recommit.project.yaml import read_yaml
from recommit.proof import watch
from recommit.proof.commit import Commit, lay_out
from recommit.proof.earlier_proofs import earlier_seconds
from recommit.proof.inputs import CommitInputs, frozen_or_always_changed
from recommit.proof.machine import machine, unlike_the_lock
from recommit.proof.replay import Prover
from recommit.proof.sandbox import Sandbox
from recommit.proof.temporary_place import end_processes, temporary_place
from recommit.proof.tolerance import Tolerance, read_tolerance
from recommit.proof.variations import Variation, surroundings, withheld_variables
from recommit.proof.verdict import OutputVerdict, StageVerdict

_NOWHERE = "its input {}, as dvc.lock records it, is in no cache or remote, and no stage that was replayed gave it"
Say = Callable[[str], None]
"""Called with a line of progress."""


@dataclass(frozen=True)
class Request:
    """What to prove: the commit `rev`, and its `stages`, all if none is named.

    `jobs` replays run at once, 0 for as many as there are CPUs. `as_is` varies nothing. `rebuild` first makes the
    commit's own environment.
    """

    rev: str = "HEAD"
    stages: tuple[str, ...] = ()
    jobs: int = 0
    as_is: bool = False
    rebuild: bool = False


@dataclass(frozen=True)
class Proof:
    """The result of a verification, and where and how it was made.

    `whole` says that every stage was asked for. `watched` is "strace", or why files could not be watched.
    """

    commit: str
    lock_md5: str
    whole: bool
    varied: tuple[Variation, ...]
    tolerance: Tolerance
    rebuilt: bool
    watched: str
    notes: tuple[str, ...]
    stages: tuple[StageVerdict, ...]
    machine: Mapping[str, Any]
    seconds: float

    def proves(self, allow_equal: bool = False) -> bool:
        """Returns whether every output came back: identical, or with `allow_equal` at least equal."""
        enough = {"identical", "equal"} if allow_equal else {"identical"}
        return all(stage.word in enough for stage in self.stages)


def verify(project: Path, request: Request, say: Say) -> Proof:
    """Proves a commit of the repository around `project`. Raises Refusal if this cannot begin."""
    with temporary_place() as place:
        try:
            return _verify(project, request, say, place)
        except Refusal as refusal:  # it names a file in the commit, and not in our temporary folder
            raise Refusal(str(refusal).replace(f"{place}/commit/", f"{request.rev}:"), refusal.status) from None


def _verify(project: Path, request: Request, say: Say, place: Path) -> Proof:
    started = time.monotonic()
    commit = lay_out(project, request.rev, place / "commit")
    chosen = _chosen(commit, request.stages)
    programs = Path(sys.executable).parent
    notes = list(_uncommitted(project, commit))
    unlike = [] if request.rebuild else unlike_the_lock(commit.folder)
    if not request.rebuild and (altered := list(unlike_the_wheels(commit.folder))):
        raise Refusal(
            f"{altered[0]}: what runs here is not the machinery of {commit.sha[:10]}, so nothing would be proved: "
            "`make env` in a checkout of it installs that, --rebuild makes its environment for this proof alone"
        )
    if unlike:
        named = ", ".join(unlike[:3]) + (f" and {len(unlike) - 3} more" if len(unlike) > 3 else "")
        notes.append(
            f"this environment is not the commit's: its lock file says {named}: results may differ for that "
            "alone; --rebuild makes the commit's own"
        )
    for note in notes:
        say(note)
    if request.rebuild:
        programs = _rebuilt(commit.folder, say)
    contents = Contents(place / "made", cache_of(project))
    commit_inputs = CommitInputs(commit, contents)
    outs = [out.md5 for stage in chosen for out in stage.outs]
    if any(commit_inputs.of(stage).lacking for stage in chosen) or not all(map(contents.find, outs)):
        _fetch(project, place / "fetched", programs, commit_inputs, say)
    varied = () if request.as_is else tuple(surroundings())
    prover = Prover(
        sandbox=Sandbox(place, project.resolve(), programs, commit, contents, ignored_by_dvc(commit.folder)),
        varied=() if request.as_is else (*varied, *withheld_variables()),
        tolerance=read_tolerance(commit.folder),
        params=read_yaml(commit.folder / "params.yaml") if (commit.folder / "params.yaml").exists() else {},
        unlike=bool(unlike),
        say=say,
    )
    say(f"replaying {len(chosen)} stages of {commit.sha[:10]}, with {len(varied)} things varied")
    found = _replay_all(chosen, commit_inputs, prover, request.jobs, earlier_seconds(project), say)
    return Proof(
        commit=commit.sha,
        lock_md5=md5_of(commit.folder / "dvc.lock"),
        whole=not request.stages,
        varied=varied,
        tolerance=prover.tolerance,
        rebuilt=request.rebuild,
        watched=watch.strace() or "strace",
        notes=tuple(notes),
        stages=tuple(_with_record(found, commit_inputs, chosen, whole=not request.stages)),
        machine=machine(commit.folder, programs / "python"),
        seconds=round(time.monotonic() - started, 1),
    )


def _fetch(project: Path, cache: Path, programs: Path, commit_inputs: CommitInputs, say: Say) -> None:
    say("not everything is in the cache: asking the remote")
    commit_inputs.contents.caches.append(cache)
    reason = fetch(project, commit_inputs.commit.folder, cache, programs)
    if reason:
        say(f"no remote has it ({reason}): a stage whose inputs are nowhere waits for those that make them")


def _chosen(commit: Commit, names: Sequence[str]) -> list[LockedStage]:
    """Returns the stages that have one of `names` in dvc.lock or dvc.yaml; all stages if there are no names."""
    known = {name for stage in commit.stages for name in (stage.name, stage.family)}
    for name in (name for name in names if name not in known):
        recorded = ", ".join(stage.name for stage in commit.stages)
        raise Refusal(f"dvc.lock of {commit.sha[:10]} has no stage {name}: it has {recorded}")
    return [stage for stage in commit.stages if not names or {stage.name, stage.family} & set(names)]


def _uncommitted(project: Path, commit: Commit) -> list[str]:
    here, committed = project / "dvc.lock", (commit.folder / "dvc.lock").read_bytes()
    if commit.sha != git(project, "rev-parse", "HEAD") or not here.is_file() or here.read_bytes() == committed:
        return []
    return ["the results in the working tree were never committed (its dvc.lock is another): this proves the commit's"]


def _rebuilt(folder: Path, say: Say) -> Path:
    say("making the commit's own environment ...")
    command = ["make", "--silent", f"PYTHON={sys.executable}", "env"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()[-1]
        raise Refusal(f"the commit's own environment could not be made: `make env` says: {said}")
    return folder / ".venv/bin"


def _replay_all(
    chosen: Sequence[LockedStage],
    commit_inputs: CommitInputs,
    prover: Prover,
    jobs: int,
    took: Mapping[str, float],
    say: Say,
) -> dict[str, StageVerdict]:
    """Replays the stages in parallel, each when its inputs are there, and returns the verdicts by stage.

    `took` are seconds of the last proof by stage. A stage whose inputs never appear is not replayed.
    """
    cpus = sorted(os.sched_getaffinity(0))
    free = list(range(jobs or len(cpus)))
    # Stages that took longest begin first, because a long stage that begins last would end long after the others.
    waiting = sorted(chosen, key=lambda stage: -took.get(stage.name, float("inf")))
    running: dict[Future[StageVerdict], int] = {}
    found: dict[str, StageVerdict] = {}

    def done(verdict: StageVerdict) -> None:
        found[verdict.stage] = verdict
        say(f"[{len(found)}/{len(chosen)}] {verdict.stage}: {verdict.word} ({verdict.seconds:.1f} s)")
        for line in (*verdict.said.splitlines(), *(verdict.problems if verdict.status is None else ())):
            say(f"    {line}")

    with ThreadPoolExecutor(len(free)) as pool:
        try:
            while waiting or running:
                for stage in list(waiting):
                    inputs = commit_inputs.of(stage)
                    if inputs.stale:
                        waiting.remove(stage)
                        done(_not_replayed(stage, inputs.stale))
                    elif free and not inputs.lacking:
                        waiting.remove(stage)
                        worker = free.pop()
                        place = prover.sandbox.place / f"w{worker}"
                        cpu = cpus[worker % len(cpus)]
                        running[pool.submit(prover.prove, stage, inputs.files, place, cpu)] = worker
                if not running:
                    for stage in waiting:
                        done(_not_replayed(stage, (_NOWHERE.format(commit_inputs.of(stage).lacking[0]),)))
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    free.append(running.pop(future))
                    done(future.result())
        except BaseException:
            prover.sandbox.stop()
            while wait(running, timeout=0.2).not_done:
                prover.sandbox.stop()
                end_processes(prover.sandbox.place)
            raise
    return found


def _not_replayed(stage: LockedStage, problems: tuple[str, ...]) -> StageVerdict:
    outputs = tuple(OutputVerdict(out.path, "missing", "not replayed", out.md5) for out in stage.outs)
    return StageVerdict(stage.name, outputs, problems=problems, status=None)


def _with_record(
    found: Mapping[str, StageVerdict], commit_inputs: CommitInputs, chosen: Sequence[LockedStage], whole: bool
) -> list[StageVerdict]:
    """Returns the verdicts in dvc.lock's order, each with the contradictions of the commit about its stage."""
    wrong, special = list(commit_inputs.contradictions()), list(frozen_or_always_changed(commit_inputs.commit))
    verdicts = [found[stage.name] for stage in chosen]
    if whole:
        unrecorded = dict.fromkeys(name for name, _ in wrong if name not in found)
        verdicts += [StageVerdict(name, (), status=None) for name in unrecorded]
    return [
        replace(
            verdict,
            problems=(*verdict.problems, *(words for name, words in wrong if name == verdict.stage)),
            notes=tuple(words for name, words in special if name == verdict.stage.partition("@")[0]),
        )
        for verdict in verdicts
    ]
