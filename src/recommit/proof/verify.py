"""Prove a commit: lay it out in private, replay its stages, give the verdict on each output."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.notebook.project import read_yaml
from recommit.proof import watch
from recommit.proof.commit import Commit, Contents, LockedStage, lay_out, md5_of
from recommit.proof.inputs import Inputs, contradictions, inputs_of, know_tree, standing_orders
from recommit.proof.machine import machine, unlike_the_lock
from recommit.proof.private import end_processes, private_place
from recommit.proof.remote import cache_of, fetch
from recommit.proof.replay import Prover
from recommit.proof.sandbox import Sandbox
from recommit.proof.tolerance import read_tolerance
from recommit.proof.variations import Variation, surroundings, withheld_variables
from recommit.proof.verdict import OutputVerdict, StageVerdict

Say = Callable[[str], None]
"""Called with a line of progress."""


@dataclass(frozen=True)
class Request:
    """What is asked: which commit, which stages (all of them if none is named), how many at once, under what."""

    rev: str = "HEAD"
    stages: tuple[str, ...] = ()
    jobs: int = 0
    as_is: bool = False
    rebuild: bool = False


@dataclass(frozen=True)
class Proof:
    """What a verification found, and where and how it was made: the record."""

    commit: str
    lock_md5: str
    varied: tuple[Variation, ...]
    watched: str
    notes: tuple[str, ...]
    stages: tuple[StageVerdict, ...]
    machine: Mapping[str, Any]
    whole: bool
    seconds: float

    def proves(self, allow_equal: bool) -> bool:
        """Whether every output came back."""
        enough = {"identical", "equal"} if allow_equal else {"identical"}
        return all(stage.word in enough for stage in self.stages)


def verify(project: Path, request: Request, say: Say) -> Proof:
    """Prove a commit of the repository around `project`. Raises Refusal where that cannot be begun."""
    import time

    started = time.monotonic()
    with private_place() as place:
        commit = lay_out(project, request.rev, place / "commit")
        chosen = _chosen(commit, request.stages)
        programs = Path(sys.executable).parent
        notes = list(_uncommitted(project, commit))
        if request.rebuild:
            programs = _rebuilt(commit.folder, say)
        elif unlike := unlike_the_lock(commit.folder):
            named = ", ".join(map(str, unlike[:3])) + (f" and {len(unlike) - 3} more" if len(unlike) > 3 else "")
            notes.append(
                f"this environment is not the commit's: its lock file says {named}: results may differ for that "
                "alone; --rebuild makes the commit's own"
            )
        for note in notes:
            say(note)
        cache = cache_of(project, programs)
        contents = Contents(place / "made", [cache] if cache else [])
        tree = know_tree(commit, contents)
        plans = {stage.name: inputs_of(stage, commit, contents, tree) for stage in chosen}
        if any(contents.find(md5) is None for plan in plans.values() for md5 in plan.files.values()):
            say("inputs that are in no cache: asking the remote")
            contents.caches.append(place / "fetched")
            reason = fetch(project, commit.folder, place / "fetched", programs)
            if reason:
                say(f"no remote has them ({reason}): each stage waits for those that make its inputs")
            plans = {stage.name: inputs_of(stage, commit, contents, tree) for stage in chosen}
        varied = () if request.as_is else tuple(surroundings())
        prover = Prover(
            sandbox=Sandbox(place, project.resolve(), programs, commit, contents),
            varied=varied if request.as_is else (*varied, *withheld_variables()),
            tolerance=read_tolerance(commit.folder),
            params=read_yaml(commit.folder / "params.yaml") if (commit.folder / "params.yaml").exists() else {},
        )
        say(f"replaying {len(chosen)} stages of {commit.sha[:10]}, with {len(varied)} things otherwise than here")
        found = _replay_all(chosen, plans, prover, request.jobs, say)
        return Proof(
            commit=commit.sha,
            lock_md5=md5_of(commit.folder / "dvc.lock"),
            varied=varied,
            watched=watch.strace() or "strace",
            notes=tuple(notes),
            stages=tuple(_with_record(found, commit, chosen, tree, whole=not request.stages)),
            machine=machine(commit.folder, programs / "python"),
            whole=not request.stages,
            seconds=round(time.monotonic() - started, 1),
        )


def _chosen(commit: Commit, names: Sequence[str]) -> list[LockedStage]:
    if not names:
        return list(commit.stages)
    chosen = [stage for stage in commit.stages if {stage.name, stage.name.partition("@")[0]} & set(names)]
    for name in names:
        if not any(name in (stage.name, stage.name.partition("@")[0]) for stage in chosen):
            known = ", ".join(stage.name for stage in commit.stages)
            raise Refusal(f"dvc.lock of {commit.sha[:10]} has no stage {name}: it has {known}")
    return chosen


def _uncommitted(project: Path, commit: Commit) -> list[str]:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout.strip()
    here = project / "dvc.lock"
    if commit.sha != head or not here.is_file() or here.read_bytes() == (commit.folder / "dvc.lock").read_bytes():
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
    chosen: Sequence[LockedStage], plans: Mapping[str, Inputs], prover: Prover, jobs: int, say: Say
) -> dict[str, StageVerdict]:
    """Replay side by side whatever has its inputs; a stage whose inputs nobody can give is not replayed."""
    cpus = sorted(os.sched_getaffinity(0))
    free = list(range(jobs or len(cpus)))
    contents = prover.sandbox.contents
    waiting = list(chosen)
    running: dict[Future[StageVerdict], int] = {}
    found: dict[str, StageVerdict] = {}

    def done(verdict: StageVerdict) -> None:
        found[verdict.stage] = verdict
        say(f"[{len(found)}/{len(chosen)}] {verdict.stage}: {verdict.word} ({verdict.seconds:.1f} s)")

    with ThreadPoolExecutor(len(free)) as pool:
        try:
            while waiting or running:
                for stage in list(waiting):
                    plan = plans[stage.name]
                    ready = all(contents.find(md5) for md5 in plan.files.values())
                    if plan.stale:
                        waiting.remove(stage)
                        done(_not_replayed(stage, plan.stale))
                    elif ready and free:
                        waiting.remove(stage)
                        worker = free.pop()
                        place = prover.sandbox.place / f"w{worker}"
                        cpu = cpus[worker % len(cpus)]
                        running[pool.submit(prover.prove, stage, plan.files, place, cpu)] = worker
                if not running:
                    for stage in waiting:
                        done(_not_replayed(stage, (_lacking(stage, plans[stage.name], contents),)))
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    free.append(running.pop(future))
                    done(future.result())
        except BaseException:
            prover.sandbox.stopped.set()
            while wait(running, timeout=0.2).not_done:
                end_processes(prover.sandbox.place)
            raise
    return found


def _lacking(stage: LockedStage, plan: Inputs, contents: Contents) -> str:
    lacking = next(name for name, md5 in plan.files.items() if contents.find(md5) is None)
    return (
        f"not replayed: its input {lacking}, as dvc.lock records it, is in no cache or remote, and no stage that was "
        "replayed gave it"
    )


def _not_replayed(stage: LockedStage, problems: tuple[str, ...]) -> StageVerdict:
    outputs = tuple(OutputVerdict(out.path, "missing", "not replayed", out.md5) for out in stage.outs)
    return StageVerdict(stage.name, outputs, problems=problems)


def _with_record(
    found: Mapping[str, StageVerdict],
    commit: Commit,
    chosen: Sequence[LockedStage],
    tree: Mapping[str, str],
    whole: bool,
) -> list[StageVerdict]:
    """The verdicts in dvc.lock's order, with what the commit's own record of each stage says against it."""
    wrong: dict[str, list[str]] = {}
    for name, words in contradictions(commit, tree):
        wrong.setdefault(name, []).append(words)
    orders: dict[str, list[str]] = {}
    for name, words in standing_orders(commit):
        orders.setdefault(name, []).append(words)
    verdicts = [found[stage.name] for stage in chosen]
    if whole:
        verdicts += [StageVerdict(name, ()) for name in wrong if name not in found]
    return [
        replace(
            verdict,
            problems=(*verdict.problems, *wrong.get(verdict.stage, ())),
            notes=tuple(orders.get(verdict.stage.partition("@")[0], ())),
        )
        for verdict in verdicts
    ]
