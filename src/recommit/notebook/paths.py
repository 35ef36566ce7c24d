"""Where a notebook's files are: in the project, and results of an interactive kernel in a scratch folder.

Only a stage's run may write results. A notebook that is run in Jupyter, VS Code, IPython or by nbval would replace them
unnoticed, so it writes to a scratch folder instead.
"""

import atexit
import contextlib
import functools
import os
import posixpath
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from recommit import Line, Refusal
from recommit.project.files import root
from recommit.project.pipeline import Stage, is_in, stages

_SCRATCH = "RECOMMIT_SCRATCH"
"""The environment variable by which processes that an interactive kernel starts find its scratch folder."""
_NOTEBOOK = "JPY_SESSION_NAME"
"""Jupyter's server sets this variable, for each kernel, to the notebook that the kernel was started for."""


def path(name: str) -> Path:
    """Returns the path of the file or folder that dvc.yaml calls `name`, from any folder of the project.

    The folder above it is made, so that the notebook can write it. In a stage's run, and in a script, it is the
    project's own file. In an interactive kernel, these paths are in a scratch folder, which is removed when the kernel
    ends:

    - an out of the notebook's own stages, which is not there until the notebook has written it;
    - an out of another stage that is no dep of the notebook: a copy of what the pipeline made;
    - every out, as a copy, if it is not known which notebook runs.

    There, a dep of the notebook that a stage makes, and that is not here, raises Refusal, which names the stage.
    """
    folder = root()
    found = folder / name
    # Both as written and with links among its folders followed. The file itself may be a link into DVC's cache.
    written = posixpath.normpath(found)
    for place in dict.fromkeys((written, str(Path(written).parent.resolve() / Path(written).name))):
        relative = posixpath.relpath(place, folder)
        scratch = None if relative == "." or relative.startswith("../") else _scratch(folder)
        if scratch is not None and (instead := scratch.path(relative)) != folder / relative:
            found = instead
            break
    found.parent.mkdir(parents=True, exist_ok=True)
    return found


def _scratch(folder: Path) -> "_Scratch | None":
    """Returns the scratch folder of this process, or None in a stage's run and in a script."""
    shell = _shell()
    if shell is not None:
        return None if getattr(shell, "runs_a_stage", False) else _kernels_own(folder)
    inherited = os.environ.get(_SCRATCH)
    # DVC sets DVC_STAGE for the commands that it runs, also if a cell calls `dvc repro`.
    if inherited is None or "DVC_STAGE" in os.environ or not Path(inherited).is_relative_to(folder):
        return None
    return _of_parent(folder, Path(inherited))


def _shell() -> Any:
    """Returns IPython's shell if this process is a kernel or an IPython terminal, else None."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


@functools.cache
def _kernels_own(folder: Path) -> "_Scratch":
    place = folder / ".recommit" / "scratch"
    place.mkdir(parents=True, exist_ok=True)
    scratch = _Scratch(folder, Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=place)))
    # Its standard input ends with the kernel, also if the kernel is killed.
    remover = subprocess.Popen(
        ["sh", "-c", 'read line; rm -rf "$0"', scratch.place],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(_let_remove, remover)
    os.environ[_SCRATCH] = str(scratch.place)
    _shell().events.register("post_run_cell", scratch.say_once)
    return scratch


@functools.cache
def _of_parent(folder: Path, place: Path) -> "_Scratch":
    return _Scratch(folder, place)


def _let_remove(remover: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):  # a forked process may hold the other end for longer
        remover.communicate(timeout=5)


@dataclass
class _Scratch:
    """The scratch folder `place` of an interactive kernel: what it wrote instead of results, and copies."""

    folder: Path
    place: Path
    copied: dict[Path, tuple[Any, Any]] = field(default_factory=dict)
    """For each copy, the state of the original and of the copy when it was made: see `_state`."""
    clients: set[str] = field(default_factory=set)

    def __hash__(self) -> int:
        return id(self)

    def path(self, name: str) -> Path:
        """Returns the file or folder to use for `name`, a path in the project."""
        every = _stages(self.folder, _state(self.folder / "dvc.yaml"), _state(self.folder / "params.yaml"))
        mine = self._stages_of_notebook(every)
        own = {out for stage in mine for out in stage.outs}
        if any(is_in(name, out) for out in own):
            return self.place / name
        holds_own = any(is_in(out, name) for out in own)
        if not holds_own and any(is_in(name, dep) for stage in mine for dep in stage.deps):
            _refuse_absent(self.folder, name, every)
            return self.folder / name
        if not holds_own and not any(is_in(name, out) or is_in(out, name) for stage in every for out in stage.outs):
            return self.folder / name
        self._copy(name, own)
        return self.place / name

    def _stages_of_notebook(self, every: Iterable[Stage]) -> list[Stage]:
        """Returns the stages that run this kernel's notebook; none if it is another one or is not known."""
        shell = _shell()
        if hasattr(shell, "get_parent"):
            self.clients.add(shell.get_parent().get("header", {}).get("session", ""))
        if len(self.clients) > 1:  # two notebooks may share the kernel
            return []
        named = _session_name() or getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__")  # as VS Code names it
        notebook = Path(named or "").resolve()
        if not named or not notebook.is_relative_to(self.folder):
            return []
        name = notebook.relative_to(self.folder).as_posix()
        return [stage for stage in every if stage.notebook == name or name in stage.outs]

    def _copy(self, name: str, own: Iterable[str]) -> None:
        """Copies a file, or a folder without the notebook's `own` outs; files that a cell wrote are not replaced."""
        source = self.folder / name
        for original in sorted(source.rglob("*")) if source.is_dir() else [source]:
            relative = original.relative_to(self.folder).as_posix()
            copy = self.place / relative
            if original.is_dir():
                copy.mkdir(parents=True, exist_ok=True)
            if not original.is_file() or any(is_in(relative, out) for out in own) or self._is_written(copy):
                continue
            before, _ = self.copied.get(copy, (None, None))
            if before != _state(original):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(original, copy)
                self.copied[copy] = _state(original), _state(copy)

    def _is_written(self, file: Path) -> bool:
        """Returns whether a cell wrote the `file`, or removed our copy."""
        _, ours = self.copied.get(file, (None, None))
        return _state(file) != ours

    def say_once(self, *_: object) -> None:
        """Tells the user where results are, after the first cell that wrote one."""
        if not any(file.is_file() and self._is_written(file) for file in self.place.rglob("*")):
            return
        _shell().events.unregister("post_run_cell", self.say_once)
        if "PYTEST_VERSION" not in os.environ:  # nbval compares what cells show, and this line does not belong to it
            print(
                f"recommit: results written here are in {self.place.relative_to(self.folder)} and are deleted when "
                "this kernel ends; only `dvc repro` and `recommit run` write the pipeline's results",
                file=sys.stderr,
            )


def _refuse_absent(folder: Path, name: str, every: Iterable[Stage]) -> None:
    """Raises Refusal, one line in a notebook, if the stages `every` make `name` in `folder`, and it is not there."""
    made_by = [stage.family for stage in every if any(is_in(out, name) or is_in(name, out) for out in stage.outs)]
    if made_by and not (folder / name).exists():
        raise Line(f"{name} is not here: `recommit repro {made_by[0]}` in a terminal makes it, or `dvc pull` brings it")


@functools.lru_cache(maxsize=1)
def _stages(folder: Path, *_: Any) -> list[Stage]:
    return stages(folder)


def _state(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _session_name() -> str | None:
    """Returns the notebook that Jupyter's server started this kernel for; None if the variable was only inherited."""
    name = os.environ.get(_NOTEBOOK)
    try:
        return None if psutil.Process().parent().environ().get(_NOTEBOOK) == name else name
    except (psutil.Error, OSError, AttributeError):
        return None


with contextlib.suppress(Refusal):  # outside a project, `path` says so
    _scratch(root())  # at once, so that workers which start before the first use of `path` find it
