"""The kernel in which a stage's cells run: it writes each output to a file at once, in the order in which it is made.

Jupyter's kernels publish outputs on a socket. The socket drops messages when it is full, and its reader stops waiting
after some seconds, so outputs can be lost. Here, when `print` returns, the line is in the file, even if the kernel is
killed next.
"""

import io
import sys
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_client.session import Session
from traitlets import default

from recommit.notebook.outputs import DESCRIPTORS, Outputs, packed

_KEPT = {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}


class _KeepingSession(Session):
    """Writes the messages that are a cell's outputs to the file, instead of sending them."""

    outputs: Outputs

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *more: Any, **named: Any) -> Any:
        if isinstance(msg_or_type, str):
            msg_type = msg_or_type
        else:
            msg_type, content = msg_or_type["header"]["msg_type"], msg_or_type["content"]
        if msg_type not in _KEPT:
            return super().send(stream, msg_or_type, content, *more, **named)
        self.outputs.add(msg_type, content)
        return None


class KeptStream(io.TextIOBase):
    """The cells' `sys.stdout` or `sys.stderr`. It also leads file descriptor 1 or 2 to a file of its own."""

    encoding = "UTF-8"
    errors = "backslashreplace"

    def __init__(self, session: _KeepingSession, pub_thread: object, name: str, **_: object) -> None:
        self.name = name
        self._outputs = session.outputs
        self._original_stdstream_copy = session.outputs.capture(name)  # to it the application sends its own log

    def write(self, text: str) -> int:
        """Writes `text` to the file of outputs and returns its length."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._outputs.add("stream", {"name": self.name, "text": text})
        return len(text)

    def close(self) -> None:
        """Does nothing: code that closes it, such as `with sys.stdout as file`, is not the last code that prints."""

    def writable(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the file descriptor, for a process that is started with `stdout=sys.stdout`."""
        return DESCRIPTORS[self.name]


class _Shell(ZMQInteractiveShell):
    """IPython's shell, in which `exit` and `quit` end the cell, as `sys.exit` does, and not the kernel."""

    runs_a_stage = True

    def ask_exit(self) -> None:
        raise SystemExit("the cell called exit or quit")


class _Kernel(IPythonKernel):
    shell_class = _Shell
    session: _KeepingSession

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.streams = {name: getattr(sys, name) for name in DESCRIPTORS}  # cells may replace them

    async def do_execute(self, *args: Any, **named: Any) -> Any:
        try:
            reply = await super().do_execute(*args, **named)
            self.session.outputs.settle()
        except OSError as error:  # otherwise there would be no reply, if even its traceback cannot be written
            return _failed("OSError", f"output was lost: {error}")
        for name in DESCRIPTORS:
            try:
                if (stream := getattr(sys, name)) is not None:
                    stream.flush()
            except (
                Exception
            ) as error:  # a cell may have put any class there; otherwise the kernel would never answer again
                setattr(sys, name, self.streams[name])
                return _failed(type(error).__name__, f"the cell left a sys.{name} that cannot be flushed: {error}")
        return reply


def _failed(name: str, text: str) -> dict[str, Any]:
    return {"status": "error", "ename": name, "evalue": text, "traceback": []}


class KeepingApplication(IPKernelApp):
    """ipykernel's application with the kernel, streams and session that keep every output."""

    kernel_class = _Kernel
    outstream_class = "recommit.notebook.kernel.KeptStream"

    @default("session")
    def _keeping_session(self) -> Session:
        session = _KeepingSession(parent=self)
        session.pack = packed
        session.outputs = Outputs(Path(self.abs_connection_file).parent)
        return session


def main() -> None:
    """Starts the kernel as `python -m ipykernel_launcher` does, with the same arguments, but without a debugger."""
    if sys.path and Path(sys.path[0]).resolve() == Path.cwd():
        del sys.path[
            0
        ]  # a file beside the notebooks must hide no package here; the shell adds the folder again for cells
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # importing it is slow, and its warning shows a time
    import ipykernel.debugger  # noqa: F401

    del sys.modules["debugpy"]
    KeepingApplication.launch_instance()


if __name__ == "__main__":
    from recommit.notebook import kernel  # not `__main__`: the application would import the module a second time

    kernel.main()
