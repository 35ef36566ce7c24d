"""The canonical form: the same for two runs that differ in nothing but when, where and by which process."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from recommit.notebook.canonical import as_bytes, canonical

v4 = nbformat.v4


def executed(*outputs: NotebookNode, **metadata: object) -> NotebookNode:
    cell = v4.new_code_cell("1", id="one", outputs=list(outputs), execution_count=1, metadata=metadata)
    return v4.new_notebook(cells=[cell])


def shown(notebook: NotebookNode) -> list[NotebookNode]:
    return canonical(notebook, Path("/home/someone/project")).cells[0].outputs


def test_times_of_execution_do_not_reach_the_file() -> None:
    noisy = executed(execution={"iopub.status.busy": "2024-01-01"}, papermill={"duration": 1.0}, tags=["parameters"])
    noisy.metadata["papermill"] = {"start_time": "now"}
    noisy.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    clean = canonical(noisy, Path("/p"))
    assert clean.metadata == {"language_info": {"name": "python"}}
    nbformat.validate(clean)
    assert clean.cells[0].metadata == {"tags": ["parameters"]}


def test_pieces_of_a_stream_are_joined_however_they_arrived() -> None:
    out = [v4.new_output("stream", name="stdout", text=text) for text in "ab"]
    err = [v4.new_output("stream", name="stderr", text=text) for text in "xy"]
    one = shown(executed(out[0], err[0], out[1], err[1]))
    other = shown(executed(err[0], err[1], out[0], out[1]))
    assert one == other
    assert [(output.name, output.text) for output in one] == [("stdout", "ab"), ("stderr", "xy")]


def test_a_picture_keeps_its_place_among_streams() -> None:
    before, after = (v4.new_output("stream", name="stdout", text=text) for text in ("before", "after"))
    picture = v4.new_output("display_data", data={"image/png": "AAAA"})
    assert [output.output_type for output in shown(executed(before, picture, after))] == [
        "stream", "display_data", "stream",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("<object object at 0x7f0123456789>", "<object object at 0x…>"),
        ("<sklearn.tree...x7f0123456789>", "<sklearn.tree...0x…>"),
        ("/home/someone/project/data/raw", "<project>/data/raw"),
        ("/home/someone/projects and a/home/someone/project", "/home/someone/projects and a/home/someone/project"),
        (f"{sys.prefix}/bin/python", "<environment>/bin/python"),
        ("0xdeadbeef1234 and x0123456789ab", "0xdeadbeef1234 and x0123456789ab"),
    ],
)
def test_addresses_and_places_are_replaced_in_text(text: str, canonical_text: str) -> None:
    data = {"text/plain": text, "text/html": f"<b>{text}</b>"}
    (output,) = shown(executed(v4.new_output("execute_result", data=data, execution_count=1)))
    assert output.data["text/plain"] == canonical_text
    assert canonical_text in output.data["text/html"]


def test_pictures_are_left_as_they_are() -> None:
    (output,) = shown(executed(v4.new_output("display_data", data={"image/svg+xml": "/home/someone/project"})))
    assert output.data["image/svg+xml"] == "/home/someone/project"


def test_the_canonical_form_of_a_canonical_notebook_is_itself() -> None:
    notebook = executed(v4.new_output("stream", name="stdout", text="x"), tags=["a"])
    once = canonical(notebook, Path("/p"))
    assert as_bytes(canonical(once, Path("/p"))) == as_bytes(once)
