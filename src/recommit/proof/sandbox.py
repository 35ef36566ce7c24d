"""Runs one stage in a folder that holds only what the stage declares."""

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recommit.project.contents import Contents
from recommit.project.dvcyaml import alone
from recommit.project.hashes import Ignored, hash_of
from recommit.project.lock import LockedStage
from recommit.project.params import leaves
from recommit.project.pipeline import is_in, stages
from recommit.project.yaml import read_yaml
from recommit.proof import become_command, end_orphans, python_startup, watch
from recommit.proof.commit import Commit
from recommit.proof.variations import Changes, Variation, dated, together

_STARTUP = "src/sitecustomize.py"
"""The module that every Python in the sandbox runs first, if a variation needs it."""
_RECOMMITS_OWN = (".recommit/", "reports/failed/")
# Folders that programs make in any home folder.
_PROGRAMS_OWN = (".cache", ".config", ".local", ".ipython", ".jupyter", ".keras", ".nv")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a replay: exit status, last lines if it failed, hash of each out, undeclared uses in words."""

    status: int
    said: str
    outs: Mapping[str, str]
    undeclared: tuple[str, ...]
    folder: Path

    @property
    def digest(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """The exit status and the hash of each out, by which two replays are compared."""
        return self.status, tuple(sorted(self.outs.items()))


@dataclass(frozen=True)
class Sandbox:
    """Replays stages of `commit` in folders below `place`.

    `project` is the user's checkout, `programs` the folder of the environment's commands, and `cpu` the processor to
    run on if only one is to be visible.
    """

    place: Path
    project: Path
    programs: Path
    commit: Commit
    contents: Contents
    ignored: Ignored
    cpu: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    running: set[subprocess.Popen] = field(default_factory=set)

    def stop(self) -> None:
        """Ends all running replays, in all threads, and prevents new ones."""
        self.stopped.set()
        for process in list(self.running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def run(
        self,
        stage: LockedStage,
        files: Mapping[str, str],
        varied: Iterable[Variation],
        watching: bool = True,
    ) -> Outcome:
        """Replays `stage` on `files`, path to hash, with the variations `varied`.

        The caller removes the outcome's folder. With `watching`, strace watches which files the stage opens. Raises
        KeyboardInterrupt after `stop`.
        """
        if self.stopped.is_set():
            raise KeyboardInterrupt
        changes = together(varied)
        files = {name: md5 for name, md5 in files.items() if name not in changes.withheld_files}
        top = self.place / ("another place" if changes.another_folder else "place")
        shutil.rmtree(top, ignore_errors=True)
        folder, home, tmp = top / "project", top / "home", top / "t"
        for made in (folder / "src", home, tmp):
            made.mkdir(parents=True)
        self._fill(folder, stage, files, changes)
        before = _stamps(folder)
        log = top / "opened" if watching and not watch.strace() else None
        status, said = self._execute(stage, top, changes, log)
        return Outcome(
            status=status,
            said=said,
            outs={
                out.path: hash_of(folder / out.path, out.path, self.ignored)
                for out in stage.outs
                if (folder / out.path).exists()
            },
            undeclared=(*self._opened(stage, top, changes, log), *_left_behind(stage, folder, home, before)),
            folder=folder,
        )

    def _fill(self, folder: Path, stage: LockedStage, files: Mapping[str, str], changes: Changes) -> None:
        """Copies to `folder` the declared inputs, dvc.yaml with this stage, params.yaml with its keys and item."""
        for name in sorted(files, reverse=True):
            self.contents.put(files[name], folder, name)
        for out in stage.outs:
            (folder / out.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "dvc.yaml").write_text(json.dumps(alone(self.commit.folder, stage.name)), encoding="utf-8")
        params = self.commit.folder / "params.yaml"
        if params.is_file() and "params.yaml" not in files:
            kept = set(leaves(read_yaml(params))) - changes.withheld_parameters
            item = next((one.item for one in stages(self.commit.folder) if one.name == stage.name), {})
            (folder / "params.yaml").write_text(cut_params(params.read_text("utf-8"), kept, item), encoding="utf-8")
        if changes.at_start and not (folder / _STARTUP).exists():
            startup = Path(python_startup.__file__).read_text(encoding="utf-8")
            (folder / _STARTUP).write_text("\n".join([startup, *sorted(changes.at_start), ""]), encoding="utf-8")

    def _execute(self, stage: LockedStage, top: Path, changes: Changes, log: Path | None) -> tuple[int, str]:
        """Runs the stage's command, and returns its exit status and, if it failed, its last lines."""
        env = changes.environment(str(top / "home"), str(top / "t"), str(self.programs))
        env |= {"DVC_STAGE": stage.name, "DVC_ROOT": str(top / "project")}
        shells = [[env["SHELL"], "-c", command] for command in stage.cmd]
        command = shells[0] if len(shells) == 1 else ["/bin/sh", "-c", " && ".join(map(shlex.join, shells))]
        shutil.copyfile(end_orphans.__file__, top / "end_orphans.py")  # strace would see it read the checkout
        command = [sys.executable, "-I", "-S", str(top / "end_orphans.py"), *command]
        command = dated(command) if changes.later_date else command
        cpu = str(self.cpu) if changes.one_cpu else "-"
        words = [sys.executable, "-I", "-S", become_command.__file__, str(os.getpid()), cpu]
        with (top / "said").open("wb") as said:
            process = subprocess.Popen(
                [*words, *(watch.watched(command, log) if log else command)],
                cwd=top / "project",
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                umask=changes.umask or -1,
            )
            self.running.add(process)
            if self.stopped.is_set():
                self.stop()
            try:
                status = process.wait()
            finally:
                self.running.discard(process)
        text = (top / "said").read_text(encoding="utf-8", errors="replace")
        return status, (_last_words(text) or f"exit status {status}") if status else ""

    def _opened(self, stage: LockedStage, top: Path, changes: Changes, log: Path | None) -> Iterator[str]:
        if log is None or not log.exists():
            return
        recorded = {out.path for other in self.commit.stages for out in other.outs}
        # The kernel's sockets (see the engine), and settings in the user's home, if the replay uses this home.
        theirs = ("/tmp/recommit-kernel-", *([] if changes.empty_home else [f"{Path.home()}/."]))
        declared = {listed.path for listed in (*stage.deps, *stage.outs)}
        bounds = watch.Bounds(
            folder=top / "project",
            declared=frozenset({"dvc.yaml", "params.yaml", _STARTUP, *declared}),
            known=self.commit.files | recorded | self.commit.added.keys(),
            ours=(f"{top}/", f"{self.commit.folder}/", *theirs),
            project=self.project,
            environment=self.programs.parent,
        )
        yield from watch.undeclared(watch.read(log), bounds)


def cut_params(text: str, kept: Collection[str], item: Mapping[str, Any]) -> str:
    """Returns the `text` of params.yaml with only the dotted keys `kept`, every value written as before, and `item`.

    `item` are the values of a matrix stage, which `Params` takes from `fits` elsewhere.
    """
    yaml = YAML()
    content = yaml.load(text)

    def prune(params: Any, above: str) -> None:
        for key in list(params):
            name = f"{above}{key}"
            if name in kept:
                continue
            if isinstance(params[key], Mapping) and any(other.startswith(f"{name}.") for other in kept):
                prune(params[key], f"{name}.")
            else:
                del params[key]

    prune(content, "")
    content.update(item)
    written = io.StringIO()
    yaml.dump(content, written)
    return written.getvalue()


def _stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Returns the time of change, size and inode of each file in `folder`, by its path there."""
    found = {path.relative_to(folder).as_posix(): path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: (stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found.items()}


def _left_behind(
    stage: LockedStage, folder: Path, home: Path, before: Mapping[str, tuple[int, int, int]]
) -> Iterator[str]:
    """Yields the inputs that the stage changed, and the undeclared files that it wrote."""
    outs = [out.path for out in stage.outs]
    durations = {out.removesuffix(".ipynb") + ".log" for out in outs if out.endswith(".ipynb")}  # of `recommit run`
    after = _stamps(folder)
    changed = (name for name in {**before, **after} if before.get(name) != after.get(name))
    for name in (name for name in changed if not any(is_in(name, out) for out in outs)):
        if name in before:
            yield f"changed its own input {name}"
        elif name not in durations and not name.startswith(_RECOMMITS_OWN) and "__pycache__" not in name:
            yield f"wrote {name}"
    yield from (f"wrote ~/{path.name}" for path in sorted(home.iterdir()) if path.name not in _PROGRAMS_OWN)


def _last_words(text: str) -> str:
    """Returns the lines of a failed command that tell why: its refusal, or its last three lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    refusals = [index for index, line in enumerate(lines) if line.startswith("recommit: ")]
    return "\n".join(lines[refusals[-1] :][:2]) if refusals else "\n".join(lines[-3:])
