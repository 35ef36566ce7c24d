"""Starts kernels of stages with their libraries imported already: `kernel_server.py SOCKET`, on Linux.

The libraries that most stages import take longer to import than a small stage takes. So this process imports them once,
and a kernel is a fork of it. It imports nothing of the project and nothing of `recommit`: a forked kernel does, so that
code which changed meanwhile is taken as it is now. It ends when its standard input is closed, as when the process that
started it ends. A kernel is killed, with all that it started, when the connection that asked for it is closed.

Each connection is for one kernel. It sends a line of JSON with `argv`, `cwd` and `env`, and two file descriptors, which
become the kernel's standard output and error. Back come a line with its process number and, at its end, a line with its
exit status as `subprocess` has it. The connection is closed without a line if the kernel's environment is to be another
than this process's in what is read as Python starts.
"""

import builtins
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NoReturn

# Not onnxruntime, which starts threads as it is imported, nor matplotlib's inline backend, which looks for the shell.
LIBRARIES = (
    *("ruamel.yaml", "ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.zmqshell"),  # what a kernel itself imports
    *("numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "joblib", "pydantic"),
    *("sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "sklearn.compose", "sklearn.impute"),
    *("matplotlib.pyplot", "onnx", "skl2onnx"),
)
# What of the environment is read as Python starts or a library is imported, by the beginning of the name.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "MPL", "MATPLOTLIB", "NPY_", "OMP_", "OPENBLAS_", "LD_", "FAKETIME")


def main(address: str) -> None:
    """Import the libraries, then fork a kernel for each connection to the socket `address`."""
    del sys.path[0]  # this file's folder
    before, settings = _read_at_start(os.environ), _settings()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen()  # who asks before the libraries are here waits
        os.rename(f"{address}.new", address)
        _import_libraries()
        gc.freeze()  # pages of what is here stay shared
        _serve(server, before, settings)


def _import_libraries() -> None:
    """Import the libraries as a cell would: by the shell and the encoding pandas decides how to show tables."""
    sys.stdout.reconfigure(encoding="UTF-8")  # type: ignore[union-attr]  # in capitals, as a kernel's own
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # as the kernel does, see recommit.notebook.kernel
    for name in LIBRARIES:
        with suppress(ImportError):  # a project may do without it
            importlib.import_module(name)
    del sys.modules["debugpy"]
    del builtins.get_ipython  # type: ignore[attr-defined]


def _serve(server: socket.socket, before: Mapping[str, str], settings: tuple[int, ...]) -> None:
    asking: set[socket.socket] = set()
    kernels: dict[socket.socket, tuple[int, int]] = {}  # its process, and the descriptor that is ready at its end
    while True:
        ends = [end for _, end in kernels.values()]
        ready, _, _ = select.select([sys.stdin, server, *asking, *kernels, *ends], [], [])
        if sys.stdin in ready:
            break
        for connection, (pid, end) in [*kernels.items()]:
            if end in ready:
                del kernels[connection]
                os.close(end)
                _tell_end(pid, connection)
            elif connection in ready and not connection.recv(1):  # whoever asked has ended
                _kill(pid)
        for connection in asking & {*ready}:
            asking.remove(connection)
            others: list[socket.socket | int] = [server, *asking, *kernels, *(end for _, end in kernels.values())]
            if (kernel := _kernel_for(connection, others, before, settings)) is None:
                connection.close()
            else:
                kernels[connection] = (kernel, os.pidfd_open(kernel))
        if server in ready:
            asking.add(server.accept()[0])
    for pid, _ in kernels.values():
        _kill(pid)


def _tell_end(pid: int, connection: socket.socket) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    connection.close()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _kernel_for(
    connection: socket.socket,
    others: Iterable[socket.socket | int],
    before: Mapping[str, str],
    settings: tuple[int, ...],
) -> int | None:
    """The process number of a new kernel, told to the connection, or None where what it asks for cannot be done.

    `others` are the sockets and descriptors of this process that a kernel is to have none of.
    """
    try:
        said, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 2)
        while said and not said.endswith(b"\n"):
            said += connection.recv(1 << 16)
        asked = json.loads(said)
        alike = _read_at_start(asked["env"]) == before and _settings() == settings
    except (OSError, ValueError, KeyError):
        return None
    pid = None
    if alike and len(descriptors) == 2:
        pid = os.fork()
        if pid == 0:
            _become_kernel(asked, descriptors, [connection, *others])
        with suppress(OSError):  # whoever asked has ended, and that is seen next
            connection.sendall(f"{pid}\n".encode())
    for descriptor in descriptors:
        os.close(descriptor)
    return pid


def _become_kernel(
    asked: Mapping[str, Any], descriptors: Iterable[int], others: Iterable[socket.socket | int]
) -> NoReturn:
    """Do what `python -m recommit.notebook.kernel ARGV` does in a new process, and end."""
    status = 1
    try:
        os.setsid()
        for other in others:
            os.close(other if isinstance(other, int) else other.fileno())
        for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), *descriptors)):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(asked["cwd"])
        os.environ.update(asked["env"], JPY_PARENT_PID=str(os.getppid()))  # as Jupyter says it to a kernel
        random.seed()
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        from recommit.notebook import kernel

        # The number of the process that it ends with was read from the environment as ipykernel was imported.
        sys.argv = [str(kernel.__file__), *asked["argv"], f"--IPKernelApp.parent_handle={os.getppid()}"]
        kernel.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}


def _settings() -> tuple[int, ...]:
    """When the file of settings that matplotlib read was last changed."""
    with suppress(KeyError, OSError):
        at = os.stat(os.environ["MATPLOTLIBRC"])
        return (at.st_mtime_ns, at.st_ino, at.st_size)
    return ()


if __name__ == "__main__":
    main(sys.argv[1])
