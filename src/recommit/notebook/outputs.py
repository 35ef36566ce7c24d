"""The outputs of a stage's cells: the kernel writes them to files, the engine reads these when a cell has ended.

Outputs of Python go to one file, one JSON object per line, with `msg_type` and `content` as in Jupyter's messages.
What C code and other processes write to file descriptors 1 and 2 goes to one file each.
"""

import ctypes
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Self

from jupyter_client.jsonutil import json_default
from nbformat import NotebookNode

_PYTHONS = "outputs.jsonl"
_DISKS_UNIT = 4096
DESCRIPTORS = {"stdout": 1, "stderr": 2}
_Message = tuple[str, Mapping[str, Any]]


def packed(thing: Any) -> bytes:
    """Returns `thing` as JSON in ASCII, so that lone surrogates, which UTF-8 cannot hold, are kept as well."""
    return json.dumps(thing, default=json_default, allow_nan=False).encode()


class Outputs:
    """The kernel's side. Each output is appended to the file, so that threads and forked processes can share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = _appending(folder / _PYTHONS)

    def add(self, msg_type: str, content: Mapping[str, Any]) -> None:
        """Writes one output. When this returns, the output is in the file, even if the kernel is killed next."""
        rest = memoryview(packed({"msg_type": msg_type, "content": content}) + b"\n")
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def capture(self, name: str) -> int:
        """Leads the file descriptor of `name` (stdout, stderr) to its own file, and returns a copy of the old one."""
        before = os.dup(DESCRIPTORS[name])
        captured = _appending(self._folder / name)
        os.dup2(captured, DESCRIPTORS[name])
        os.close(captured)
        return before

    def settle(self) -> None:
        """Makes C code write out its buffers, so that its output is in the cell that printed it.

        Raises OSError if the disk is full, because C code and other processes may have lost output without a word.
        """
        if ctypes.CDLL(None).fflush(None):
            raise OSError("C code could not write it out")
        probe = self._folder / "probe"
        probe.write_bytes(bytes(_DISKS_UNIT))
        probe.unlink()


def _appending(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class Kept:
    """The engine's side: moves the outputs that the kernel wrote in `folder` into the cells of `notebook`."""

    def __init__(self, folder: Path, notebook: NotebookNode) -> None:
        from nbclient import NotebookClient  # slow to import, and the kernel does not need it

        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []
        self._notebook = notebook
        # It interprets messages: one may clear its cell's output, or change that of an earlier cell.
        self._interpreter = NotebookClient(notebook)
        self._stack = ExitStack()
        self._files = {name: self._stack.enter_context(_reading(folder / name)) for name in (_PYTHONS, *DESCRIPTORS)}
        self._begun = b""  # the first part of a line that a thread had not finished at the last reading

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def skip(self) -> None:
        """Leaves out all outputs since the last reading: those of the kernel's start belong to no cell."""
        for file in self._files.values():
            file.read()

    def read_into(self, index: int) -> None:
        """Adds to the cell `index` all outputs since the last reading: Python's in order, then one per descriptor."""
        cell = self._notebook.cells[index]
        self._interpreter.clear_before_next_output = False  # of a cell's own outputs
        *lines, self._begun = (self._begun + self._files[_PYTHONS].read()).split(b"\n")
        for msg_type, content in _joined(map(_message, lines)):
            header = {"msg_type": msg_type}
            message = {"msg_type": msg_type, "header": header, "parent_header": {}, "content": content}
            self._interpreter.process_message(message, cell, index)
        for name in DESCRIPTORS:
            text = self._files[name].read().decode("utf-8", "backslashreplace")
            if text:
                cell.outputs.append(NotebookNode(output_type="stream", name=name, text=text))

    def holds_more(self) -> bool:
        """Returns whether Python wrote an output since the last reading."""
        return bool(self._begun + self._files[_PYTHONS].read())


def _reading(path: Path) -> BinaryIO:
    path.touch(0o600)
    return path.open("rb")


def _message(line: bytes) -> _Message:
    message = json.loads(line)
    return message["msg_type"], message["content"]


def _joined(messages: Iterator[_Message]) -> Iterator[_Message]:
    """Yields `messages` with adjacent texts of one stream joined: `print` writes a line and its end separately."""
    name, texts = "", list[str]()
    for msg_type, content in messages:
        if texts and (msg_type != "stream" or content["name"] != name):
            yield "stream", {"name": name, "text": "".join(texts)}
            texts = []
        if msg_type == "stream":
            name = content["name"]
            texts.append(content["text"])
        else:
            yield msg_type, content
    if texts:
        yield "stream", {"name": name, "text": "".join(texts)}
