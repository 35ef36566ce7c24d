"""Turns executed notebooks into pages, their metrics into tables, and gives their figures captions."""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter
from PIL import Image, UnidentifiedImageError

from recommit.graph.executed import of_notebook
from recommit.project.pipeline import Stage
from recommit.report.readable import readable
from recommit.report.tables import Cell, Row, Table, heading, shown, turned_if_wide, words


@dataclass(frozen=True)
class Page:
    """The page of an executed notebook: stage, title, summary, path under reports/, and body as HTML.

    `drawn` is the stage as the notebook notes it: for the picture of the pipeline.
    """

    stage: str
    title: str
    summary: str
    path: str
    body: str
    drawn: Stage

    @property
    def item(self) -> str:
        """The item of the stage's matrix, or ""."""
        return self.stage.partition("@")[2]


@dataclass(frozen=True)
class Figure:
    """A figure: its path under reports/, the page of the notebook that drew it, and what it shows in words."""

    path: str
    page: Page | None
    alt: str

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return Path(self.path).stem

    @property
    def caption(self) -> str:
        """The file's name as a heading."""
        return heading(self.name)


def figure(path: Path, reports: Path, page: Page | None) -> Figure:
    """Return the figure in the file `path` under `reports`."""
    name = path.relative_to(reports).as_posix()
    return Figure(name, page, _described(path.read_bytes()) or heading(Path(name).stem))


def page(path: Path, stage: str) -> Page:
    """Return the page of the executed notebook `path`. Its first Markdown cell holds the title and the summary."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                alt = _described(base64.b64decode(picture)) or f"A figure of the cell {cell.id}"
                output.metadata["image/png"] = {"alt": alt}
    exporter = HTMLExporter(template_name="basic", embed_images=True)
    body, _ = exporter.from_notebook_node(notebook)
    opening = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    title, _, summary = opening.partition("\n")
    name = f"html/{stage.replace('@', '-')}.html"
    title = title.lstrip("# ") or stage
    drawn = of_notebook(notebook, stage, title)
    return Page(stage, title, " ".join(summary.split()), name, readable(body), drawn)


def _described(png: bytes) -> str:
    """Return what a figure shows in words, which `recommit.figures` writes into the PNG file; "" if nothing does."""
    with suppress(UnidentifiedImageError), Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return str(image.info.get("Description", ""))
    return ""


def metrics(files: Sequence[Path], of: Page | None) -> Table:
    """Return a table of the metrics in a stage's `files`: one row per item of its matrix, one column per metric.

    Its title is that of the page `of`.
    """
    values = {row: found for path in files for row, found in _rows(path)}
    columns = tuple(dict.fromkeys(column for found in values.values() for column in found))
    rows = tuple(Row(row, tuple(_cell(found.get(column)) for column in columns)) for row, found in values.items())
    return turned_if_wide(Table(of.title if of else "Metrics", "", tuple(map(words, columns)), rows))


def _cell(value: Any) -> Cell:
    text = shown(value)
    return Cell(text, "text" if len(text) > 40 else "")


def groups(pages: Sequence[Page]) -> list[tuple[str, list[Page]]]:
    """Return the pages by the stage's name in dvc.yaml, so that all items of a matrix are together."""
    return [(name, list(own)) for name, own in groupby(pages, key=lambda page: page.stage.partition("@")[0])]


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a metrics file: one named after the file, and one for each key that holds a mapping."""
    content = json.loads(path.read_text(encoding="utf-8"))
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    if plain:
        yield path.stem, plain
    yield from ((key, value) for key, value in content.items() if isinstance(value, dict))
