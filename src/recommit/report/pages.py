"""Turn executed notebooks, metrics and figures into pages that open offline and hide code until asked."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert.exporters import HTMLExporter
from pygments.formatters import HtmlFormatter

from recommit import Refusal
from recommit.notebook.parameters import declared_values
from recommit.notebook.project import Stage, refuse_strays, stages


@dataclass(frozen=True)
class Page:
    """One executed notebook: its stage, its title and what it says it shows, and its page's path under reports/."""

    stage: str
    title: str
    summary: str
    path: str
    body: str

    @property
    def item(self) -> str:
        """The item of the stage's matrix, or the empty string."""
        return self.stage.partition("@")[2]


@dataclass(frozen=True)
class Table:
    """Metrics of one stage, with its page's title and summary: a row an item of its matrix, a column a metric."""

    title: str
    summary: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def write_report(folder: Path) -> None:
    """Write reports/html/*.html and reports/index.html from what the stages of dvc.yaml in `folder` wrote.

    They replace an earlier report when all of them are made. Raises `Refusal` where a stage's notebook has not been
    executed yet.
    """
    declared = stages(folder)
    params: dict[str, Any] = {}
    for stage in (stage for stage in declared if stage.cmd == "recommit report"):
        refuse_strays(folder, stage, declared)
        params = declared_values(stage, folder)
    every = [stage for stage in declared if stage.notebook]
    pages = [_page(folder, stage) for stage in every]
    templates, style = _templates(), _style()
    reports = folder / "reports"
    unfinished = reports / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        (unfinished / "html").mkdir(parents=True)
        for before, page, after in zip([None, *pages[:-1]], pages, [*pages[1:], None], strict=True):
            text = templates.get_template("page.html").render(page=page, before=before, after=after, style=style)
            (unfinished / page.path).write_text(text, encoding="utf-8")
        figures = [os.path.relpath(plot, "reports") for stage in every for plot in stage.plots if plot.endswith(".png")]
        tables = _tables(folder, every, {page.stage: page for page in pages})
        text = templates.get_template("index.html").render(
            pages=pages, params=params, tables=tables, figures=figures, style=style
        )
        (unfinished / "index.html").write_text(text, encoding="utf-8")
        shutil.rmtree(reports / "html", ignore_errors=True)
        (unfinished / "html").rename(reports / "html")
        (unfinished / "index.html").replace(reports / "index.html")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _page(folder: Path, stage: Stage) -> Page:
    path = folder / stage.executed
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise Refusal(f"{stage.executed}: stage {stage.name} has not run yet: `dvc repro` runs it") from None
    exporter = HTMLExporter(template_name="basic", embed_images=True)
    body, _ = exporter.from_notebook_node(notebook)
    opening = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    title, _, summary = opening.partition("\n")
    name = f"html/{stage.name.replace('@', '-')}.html"
    return Page(stage.name, title.lstrip("# ") or stage.name, " ".join(summary.split()), name, body)


def _tables(folder: Path, every: Sequence[Stage], pages: Mapping[str, Page]) -> list[Table]:
    """One table for each stage with metrics, the last stage first; a matrix is one stage."""
    tables: list[Table] = []
    for name in dict.fromkeys(stage.name.partition("@")[0] for stage in reversed(every) if stage.metrics):
        items = [stage for stage in every if stage.name.partition("@")[0] == name]
        values = {row: found for stage in items for row, found in _rows(folder, stage)}
        columns = tuple(dict.fromkeys(column for found in values.values() for column in found))
        rows = tuple((row, tuple(_number(found.get(column)) for column in columns)) for row, found in values.items())
        page = pages[items[0].name]
        tables.append(Table(page.title, page.summary, tuple(column.replace("_", " ") for column in columns), rows))
    return tables


def _rows(folder: Path, stage: Stage) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows that a stage's metrics files make: one an item of its matrix, or one a key that holds a mapping."""
    content: dict[str, Any] = {}
    for path in stage.metrics:
        content |= json.loads((folder / path).read_text(encoding="utf-8"))
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    if plain:
        yield stage.name.partition("@")[2] or stage.name, plain
    yield from ((key, value) for key, value in content.items() if isinstance(value, dict))


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recommit.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["groups"] = _groups
    return environment


def _groups(pages: Sequence[Page]) -> list[tuple[str, list[Page]]]:
    """The pages of each stage, a matrix being one stage."""
    names = dict.fromkeys(page.stage.partition("@")[0] for page in pages)
    return [(name, [page for page in pages if page.stage.partition("@")[0] == name]) for name in names]


def _style() -> str:
    own = (files("recommit.report") / "templates" / "style.css").read_text(encoding="utf-8")
    return own + HtmlFormatter(style="default").get_style_defs(".highlight")
