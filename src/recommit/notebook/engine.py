"""The papermill engine: it checks the contract, runs the notebook in the pinned kernel, returns the canonical form."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbformat import NotebookNode
from papermill.engines import Engine
from papermill.parameterize import parameterize_notebook

from recommit import Refusal
from recommit.notebook.canonical import INJECTED_ID, as_bytes, canonical
from recommit.notebook.contract import check_contract
from recommit.notebook.forked import provisioner
from recommit.notebook.kernels import KERNEL, environment
from recommit.notebook.ledger import note
from recommit.notebook.outputs import Kept
from recommit.notebook.reuse import earlier
from recommit.project.files import root
from recommit.project.left_out import is_left_out
from recommit.project.pipeline import Stage, find_stage, stages
from recommit.project.text import encodable

_SECONDS_TO_TIDY = 5
_SECONDS_TO_START = 300
_SECONDS_BETWEEN_LOOKS = 0.5

CellDone = Callable[[int, int, float], None]
"""Called with a cell's number from 1, the number of code cells, and the seconds that it took."""


class CellFailed(Exception):
    """A cell raised, or its kernel died. `partial` is the notebook up to there, in canonical form."""

    def __init__(self, cell: int, cells: int, reason: str, partial: NotebookNode) -> None:
        super().__init__(encodable(f"cell {cell} of {cells}: {reason}"))
        self.partial = partial


class RecommitEngine(Engine):
    """Lets `papermill --engine recommit NOTEBOOK OUTPUT` write the same bytes as `recommit run`.

    If several stages run the notebook, the variable `DVC_STAGE`, or `-p` with the matrix values, names one.
    """

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        *,
        input_path: str,
        stage: Stage | None = None,
        values: Mapping[str, Any] | None = None,
        cell_done: CellDone = lambda cell, cells, seconds: None,
        **_: Any,
    ) -> NotebookNode:
        """Injects the parameters into `nb`, executes it and returns its canonical form. Raises CellFailed.

        `values` are the checked parameters of `stage` by name. Without them, the stage is found and its contract is
        checked here.
        """
        folder = root(Path(input_path).parent)
        if not (KERNEL / "kernel.json").is_file():
            raise Refusal(f"{KERNEL}/kernel.json is missing: it pins what makes results repeat; `git restore` it")
        outs: tuple[str, ...] = ()  # `recommit run` notes the look itself, and sees to inputs that change meanwhile
        before = None
        if stage is None or values is None:
            stage, values = _checked(folder, input_path, dict(nb.metadata.papermill.get("parameters", {})))
            outs, before = stage.outs, earlier(folder, stage, values)
        nb = parameterize_notebook(nb, values, kernel_name=kernel_name, language="python")
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if "injected-parameters" in cell.metadata.get("tags", []):
                cell.id = INJECTED_ID
        _execute(nb, folder, cell_done)
        note(folder, outs)
        if before:
            from recommit.notebook.run import refuse_changed  # which imports this module where it runs

            refuse_changed(before, values, kept="")
        # Written and read again, so that papermill's own writing gives exactly these bytes.
        result = canonical(nb, folder)
        result.metadata["recommit"] = stage.noted
        return nbformat.reads(as_bytes(result).decode(), as_version=4)


def _checked(folder: Path, input_path: str, asked: dict[str, Any]) -> tuple[Stage, dict[str, Any]]:
    """Returns the stage that papermill's own command runs, and the values for its notebook.

    `asked` are the values of the command's -p, which may name an item of a matrix.
    """
    path = Path(input_path).resolve().relative_to(folder).as_posix()
    siblings = [other for other in stages(folder) if other.notebook == path]
    stage = find_stage(siblings, path, os.environ.get("DVC_STAGE") if not asked else None, asked)
    if is_left_out(folder, stage):
        raise Refusal(f"params.yaml leaves out {stage.name}: `recommit run` writes that, and runs no cell")
    return stage, check_contract(folder, nbformat.read(input_path, as_version=4), stage, siblings)


class _Died(Exception):
    """The kernel's process ended; the message says how."""


def _execute(nb: NotebookNode, folder: Path, cell_done: CellDone) -> None:
    """Runs the code cells of `nb` in place, in a new kernel, which always ends with this call."""
    code = [index for index, cell in enumerate(nb.cells) if cell.cell_type == "code" and cell.source.strip()]
    number = 0

    def failed(reason: str) -> CellFailed:
        return CellFailed(number, len(code), reason, canonical(nb, folder))

    with _private_folder() as private, Kept(Path(private), nb) as kept:
        try:
            with _kernel(folder, Path(private)) as (manager, client):
                kept.skip()
                for number, index in enumerate(code, start=1):
                    started = time.monotonic()
                    nb.cells[index].execution_count = number
                    try:
                        reply = _reply(client, manager, client.execute(nb.cells[index].source, allow_stdin=False))
                    finally:
                        kept.read_into(index)
                    if error := _error(reply, nb.cells[index]):
                        raise failed(f"{error.get('ename')}: {error.get('evalue')}")
                    cell_done(number, len(code), time.monotonic() - started)
        except KeyboardInterrupt as error:
            raise failed("interrupted") from error
        except _Died as error:
            raise failed(f"the kernel died {error}") from error
        except RuntimeError as error:
            raise failed(f"the kernel did not start: {error}") from error
        if kept.holds_more():
            raise failed("a thread wrote when the last cell had ended: let a cell wait for the threads that it starts")


def _error(reply: dict[str, Any], cell: NotebookNode) -> Mapping[str, Any] | None:
    """Returns the error by which a cell failed, or None.

    If an object cannot be shown, or a hook or `%run` script raises, IPython shows a traceback and replies "ok". This
    counts as a failure, because the cell's output is lost.
    """
    shown = [output for output in cell.outputs if output.output_type == "error"]
    if reply["status"] == "ok" or reply.get("ename") == "NoneType":  # IPython's name for an exception that it lost
        return shown[-1] if shown else None if reply["status"] == "ok" else reply
    return reply


def _reply(client: BlockingKernelClient, manager: KernelManager, request: str) -> dict[str, Any]:
    """Returns the content of the kernel's reply to `request`, without a limit of time. Raises _Died if it ended."""
    while True:
        alive = manager.is_alive()  # asked first: a reply that was sent just before the end counts
        try:
            reply = client.get_shell_msg(timeout=_SECONDS_BETWEEN_LOOKS)
        except Empty:
            if not alive:
                raise _Died(_end_of(manager)) from None
            continue
        if reply["parent_header"].get("msg_id") == request:
            return reply["content"]


def _end_of(manager: KernelManager) -> str:
    process = getattr(manager.provisioner, "process", None)
    status = 0 if process is None else process.wait()
    if status >= 0:
        return f"with exit status {status}: the cell, or code that it called, ended the process"
    name = signal.Signals(-status).name
    return f"by {name}: out of memory, or ended from outside" if name == "SIGKILL" else f"by {name}"


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    short = "/tmp" if len(tempfile.gettempdir()) > 60 else None  # a socket's path may have about 100 bytes
    return tempfile.TemporaryDirectory(prefix="recommit-kernel-", dir=short)


@contextmanager
def _kernel(folder: Path, private: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """Starts a kernel with our own spec, and yields its manager and client. Its sockets are in the folder `private`.

    Afterwards its whole process group is ended: the kernel and all workers that it started.
    """
    specs = KernelSpecManager(kernel_dirs=[str(KERNEL.parent)], ensure_native_kernel=False)
    manager = KernelManager(
        kernel_name=KERNEL.name,
        kernel_spec_manager=specs,
        transport="ipc",
        connection_file=str(private / "kernel.json"),
    )
    manager.kernel_spec.metadata["kernel_provisioner"] = provisioner()  # type: ignore[union-attr]
    # The spec's environment, with our kernel, which keeps every output.
    manager.kernel_spec.argv = ["python", "-m", "recommit.notebook.kernel", "-f", "{connection_file}"]  # type: ignore[union-attr]
    # Not the user's start-up files: the same cells give the same bytes.
    env = environment() | {"IPYTHONDIR": str(private)}
    client = None
    try:
        # IPython's tip would draw a random number each time a client asks for the kernel's information.
        settings = ["--HistoryManager.hist_file=:memory:", "--InteractiveShell.enable_tip=False"]
        manager.start_kernel(extra_arguments=settings, cwd=str(folder), env=env)
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=_SECONDS_TO_START)
        yield manager, client
    finally:
        if client is not None:
            client.stop_channels()
        _end(manager)


def _end(manager: KernelManager) -> None:
    """Ends the kernel's process group and waits for its end: by SIGTERM, and after some seconds by SIGKILL.

    SIGTERM first, because joblib's tracker then removes the semaphores and shared memory of its workers.
    """
    process = getattr(manager.provisioner, "process", None)
    if process is None:
        return
    late = time.monotonic() + _SECONDS_TO_TIDY
    try:
        _signal(process.pid, signal.SIGTERM)
        while _is_running(process.pid) and time.monotonic() < late:
            time.sleep(0.02)
    finally:  # also when the user interrupts the wait
        _signal(process.pid, signal.SIGKILL)
        process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS raises it where all have ended
        os.killpg(group, number)


def _is_running(group: int) -> bool:
    """Returns whether a process of the `group` runs. A zombie does not count."""
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
    return False
