"""Turn executed notebooks, metrics and figures into pages that open offline and hide code until asked."""

import json
import shutil
from collections.abc import Iterator, Sequence
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
from recommit.notebook.project import refuse_strays, stages


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
    """Write reports/html/*.html and reports/index.html from what the `report` stage of dvc.yaml in `folder` declares.

    Its deps under reports/ are taken in their order, a folder's files by name: each notebook is a page, and metrics
    stand under the title of the notebook they follow. A folder of notebooks is a matrix stage, its files the items. The
    pages replace an earlier report when all of them are made. Raises `Refusal` where a dep is not there yet.
    """
    declared = stages(folder)
    stage = next((stage for stage in declared if stage.cmd == "recommit report"), None)
    if stage is None:
        raise Refusal("dvc.yaml has no stage whose cmd is `recommit report`: add one, with its deps in reading order")
    refuse_strays(folder, stage, declared)
    params = declared_values(stage, folder)
    pages: list[Page] = []
    tables: list[Table] = []
    figures: list[str] = []
    for dep in (dep for dep in stage.deps if dep.startswith("reports/")):
        files = _files(folder / dep)
        pages += [_page(file, _stage(dep, file)) for file in files if file.suffix == ".ipynb"]
        figures += [file.relative_to(folder / "reports").as_posix() for file in files if file.suffix == ".png"]
        metrics = [file for file in files if file.suffix == ".json"]
        if metrics:
            tables.insert(0, _table(metrics, pages[-1] if pages else None))
    _write(folder / "reports", pages, params=params, tables=tables, figures=figures)


def _write(reports: Path, pages: Sequence[Page], **index: Any) -> None:
    """Write the pages, and the index with what else it shows; an earlier report stays until all of them are made."""
    templates, style = _templates(), _style()
    unfinished = reports / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        (unfinished / "html").mkdir(parents=True)
        for before, page, after in zip([None, *pages[:-1]], pages, [*pages[1:], None], strict=True):
            text = templates.get_template("page.html").render(page=page, before=before, after=after, style=style)
            (unfinished / page.path).write_text(text, encoding="utf-8")
        text = templates.get_template("index.html").render(pages=pages, style=style, **index)
        (unfinished / "index.html").write_text(text, encoding="utf-8")
        shutil.rmtree(reports / "html", ignore_errors=True)
        (unfinished / "html").rename(reports / "html")
        (unfinished / "index.html").replace(reports / "index.html")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _files(dep: Path) -> list[Path]:
    if not dep.exists():
        raise Refusal(f"{dep}: the stage that writes it has not run yet: `dvc repro` runs it")
    return sorted(dep.iterdir()) if dep.is_dir() else [dep]


def _stage(dep: str, file: Path) -> str:
    """The stage whose executed notebook the file is; one in a folder is that of an item."""
    return file.stem if dep.endswith(file.name) else f"{Path(dep).name}@{file.stem}"


def _page(path: Path, stage: str) -> Page:
    notebook = nbformat.read(path, as_version=4)
    exporter = HTMLExporter(template_name="basic", embed_images=True)
    body, _ = exporter.from_notebook_node(notebook)
    opening = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    title, _, summary = opening.partition("\n")
    name = f"html/{stage.replace('@', '-')}.html"
    return Page(stage, title.lstrip("# ") or stage, " ".join(summary.split()), name, body)


def _table(metrics: Sequence[Path], page: Page | None) -> Table:
    """The metrics in a stage's files, with its page's title and summary."""
    values = {row: found for path in metrics for row, found in _rows(path)}
    columns = tuple(dict.fromkeys(column for found in values.values() for column in found))
    rows = tuple((row, tuple(_number(found.get(column)) for column in columns)) for row, found in values.items())
    title, summary = (page.title, page.summary) if page else ("Metrics", "")
    return Table(title, summary, tuple(column.replace("_", " ") for column in columns), rows)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows that a metrics file makes: one of its own name, and one a key that holds a mapping."""
    content = json.loads(path.read_text(encoding="utf-8"))
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    if plain:
        yield path.stem, plain
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
