"""Asks the kernel server of a `recommit repro` for a kernel, which then starts with its libraries imported already."""

import json
import os
import signal
import socket
from importlib.metadata import EntryPoint
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from recommit.notebook.kernels import SERVER

_NAME = "recommit-forked"


def provisioner() -> dict[str, str]:
    """What a kernel spec says of who starts its kernel: the server where there is one, or Jupyter's own way."""
    if not os.environ.get(SERVER):
        return {}
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[_NAME] = EntryPoint(_NAME, f"{__name__}:Forked", KernelProvisionerFactory.GROUP_NAME)
    return {"provisioner_name": _NAME}


class Forked(LocalProvisioner):
    """Starts a kernel by the kernel server; as Jupyter does where the server has ended, or cannot do what is asked."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel that the command `python -m recommit.notebook.kernel ...` would be."""
        kernel = forked(cmd[3:], kwargs["cwd"], kwargs["env"])
        if kernel is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid  # type: ignore[assignment]
        return self.connection_info


class Kernel:
    """As much of `subprocess.Popen` as Jupyter and the engine ask for."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, server: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._status(blocking=False)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended."""
        status = self._status(blocking=True)
        return -signal.SIGKILL if status is None else status

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Let go of it; the server kills it."""
        self._server.close()

    def _status(self, blocking: bool) -> int | None:
        if self.returncode is None:
            self._server.setblocking(blocking)
            try:
                line = self._server.recv(64)
            except BlockingIOError:
                return None
            self.returncode = int(line) if line else -signal.SIGKILL  # the server has ended, and its kernels with it
            self._server.close()
        return self.returncode


def forked(arguments: list[str], folder: str, env: dict[str, str]) -> Kernel | None:
    """A kernel with these arguments, in `folder` and with the environment `env`; None where the server gives none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(os.environ[SERVER])
        asked = json.dumps({"argv": arguments, "cwd": folder, "env": env}) + "\n"
        socket.send_fds(server, [asked.encode()], [1, 2])
        if line := server.recv(64):
            return Kernel(int(line), server)
    except OSError:
        pass
    server.close()
    return None
