"""The canonical form of an executed notebook: what was computed and shown, not when, where or by which process."""

import functools
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from recommit.project.text import encodable

INJECTED_ID = "injected-parameters"
_KEPT_CELL_METADATA = ("tags", "jupyter")
# An object's address in its repr; scikit-learn's tables show the tail of one as `...x7f0123456789`.
_ADDRESS = re.compile(r"(?<=\bat )0x[0-9a-f]+|(?<=\.\.\.)x[0-9a-f]{9,12}\b")
_CELL_FILE = re.compile(re.escape(tempfile.gettempdir()) + r"/ipykernel_\d+/\d+\.py")


def canonical(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Returns a copy of `notebook` whose bytes depend only on its sources and on what they showed.

    Kept are sources, ids, tags, outputs with their figures, and execution counts. Left out are times, durations, the
    state of editor and widgets, and versions of Python. Replaced are the project's `folder`, the environment's folders
    and object addresses in text, and the random id of the injected cell. Adjacent stream outputs are joined, standard
    output before standard error, because an ordinary kernel, such as nbval's, cuts them into pieces at random.
    """
    clean = nbformat.from_dict(notebook)
    kernel = notebook.metadata.get("kernelspec", {})
    named = {key: kernel[key] for key in ("display_name", "language", "name") if key in kernel}
    clean.metadata = nbformat.from_dict(
        ({"kernelspec": named} if named else {}) | {"language_info": {"name": "python"}}  # an empty one is not valid
    )
    clean.cells = [_cell(cell, folder) for cell in notebook.cells]
    return clean


def as_bytes(notebook: NotebookNode) -> bytes:
    """Returns the content of the notebook's file, as papermill writes it."""
    return nbformat.writes(notebook).encode()


def _cell(cell: NotebookNode, folder: Path) -> NotebookNode:
    kept = {key: cell.metadata[key] for key in _KEPT_CELL_METADATA if cell.metadata.get(key)}
    fresh = nbformat.from_dict({**cell, "metadata": kept})
    if "injected-parameters" in kept.get("tags", []):
        fresh.id = INJECTED_ID
    if fresh.cell_type == "code":
        fresh.outputs = [_placeless(output, folder) for output in _joined_streams(fresh.outputs)]
    return fresh


def _joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    joined: list[NotebookNode] = []
    streams: dict[str, list[str]] = {}

    def flush() -> None:
        for name in sorted(streams, reverse=True):
            joined.append(nbformat.v4.new_output("stream", name=name, text="".join(streams[name])))
        streams.clear()

    for output in outputs:
        if output.output_type == "stream":
            streams.setdefault(output.name, []).append(output.text)
        else:
            flush()
            joined.append(output)
    flush()
    return joined


@functools.cache
def _places(folder: Path) -> list[tuple[re.Pattern[str], str]]:
    paths = sysconfig.get_paths()
    names = {paths["purelib"]: "<packages>", paths["stdlib"]: "<python>", str(folder): "<project>"}
    if sys.prefix != sys.base_prefix:
        names[sys.prefix] = "<environment>"  # as `sys.executable` shows it
    longest_first = sorted(names, key=len, reverse=True)
    return [(re.compile(rf"(?<![\w./-]){re.escape(place)}(?![\w-])"), names[place]) for place in longest_first]


def _is_picture(key: Any, value: Any) -> bool:
    return str(key).startswith("image/") and isinstance(value, str)


def _placeless(thing: Any, folder: Path) -> Any:
    """Returns `thing` with folders and addresses of this machine and process replaced in all text but pictures."""
    if isinstance(thing, dict):
        changed = {
            key: encodable(value) if _is_picture(key, value) else _placeless(value, folder)
            for key, value in thing.items()
        }
        return nbformat.from_dict(changed)
    if isinstance(thing, list):
        return [_placeless(part, folder) for part in thing]
    if not isinstance(thing, str):
        return thing
    thing = encodable(thing)
    for place, name in _places(folder):
        thing = place.sub(name, thing)
    return _ADDRESS.sub("0x…", _CELL_FILE.sub("<cell>", thing))
