"""Turns executed notebooks, evidence, metrics, figures and documents into pages that open offline."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from pygments.formatters import HtmlFormatter

from recommit import Refusal
from recommit.evidence.stages import Feature
from recommit.graph.drawing import svg
from recommit.project.hashes import hash_of, ignored_by_dvc
from recommit.project.left_out import LEFT_OUT_PICTURE
from recommit.project.params import declared_values
from recommit.project.pipeline import Stage, is_in, refuse_strays, stages
from recommit.project.vendored import refuse_another_machinery
from recommit.report import notebooks
from recommit.report.documents import Debt, Document, documents
from recommit.report.facts import Facts, read_facts
from recommit.report.first_screen import first_screen
from recommit.report.notebooks import Figure, Page
from recommit.report.readable import commands, in_cell
from recommit.report.sections import sections
from recommit.report.tables import Table

FEATURES = "html/feature-list.html"
METRICS = "reports/metrics"


def write_report(folder: Path) -> None:
    """Write reports/html/*.html and reports/index.html from the deps of the `report` stage of dvc.yaml in `folder`.

    The deps under reports/ and models/ are read in their order, the files of a folder by name. Each notebook becomes a
    page. Metrics belong to the notebook before them, and a figure to the one that notes it as an out, or else to the
    one before it. A folder of notebooks belongs to a matrix stage, each file to an item. JSON that is not in
    reports/metrics is evidence: it fills the index and the documents. The words of the documents are in the dep that
    holds model_card.yaml, datasheet.yaml or canvas.yaml. An earlier report is replaced when all pages are made. Raises
    Refusal if a dep does not exist yet or changes meanwhile, or a document cannot be filled.
    """
    refuse_another_machinery(folder)
    declared = stages(folder)
    stage = next((stage for stage in declared if stage.words[:2] == ["recommit", "report"]), None)
    if stage is None:
        raise Refusal("dvc.yaml has no stage whose cmd is `recommit report`: add one, with its deps in reading order")
    refuse_strays(folder, stage, declared)
    params = declared_values(stage, folder)
    before = _hashes(folder, stage)
    pages: list[Page] = []
    tables: list[Table] = []
    images: list[tuple[Path, Page | None]] = []
    kept: list[Path] = []
    for dep in (dep for dep in stage.deps if dep.startswith(("reports/", "models/"))):
        files = _files(folder / dep)
        pages += [notebooks.page(file, _stage(dep, file)) for file in files if file.suffix == ".ipynb"]
        last = pages[-1] if pages else None
        drawn = [file for file in files if file.suffix == ".png" and file.read_bytes() != LEFT_OUT_PICTURE]
        images += [(image, last) for image in drawn]
        data = [file for file in files if file.suffix == ".json"]
        if data and is_in(dep, METRICS):
            tables.insert(0, notebooks.metrics(data, last))
        else:
            kept += data
    figures = _figures(folder, images, pages)
    facts = read_facts(folder, kept, params)
    written = documents([folder / dep for dep in stage.deps if (folder / dep).is_dir()], facts)
    texts = _texts(pages, tables, figures, facts, written, svg([*(page.drawn for page in pages), stage]))
    if changed := sorted(dep for dep, md5 in _hashes(folder, stage).items() if md5 != before[dep]):
        raise Refusal(f"{', '.join(changed)} changed while the report was made: run it again; the earlier stays", 1)
    _replace(folder / "reports", texts)


def _figures(folder: Path, images: Sequence[tuple[Path, Page | None]], pages: Sequence[Page]) -> list[Figure]:
    """Return the figures in `images`, each with the page that notes it as an out, in the order of those.

    Of an image that none notes, the page is the one beside it in `images`, and it comes after that page's own.
    """
    noted = {out: (at, place) for at, page in enumerate(pages) for place, out in enumerate(page.drawn.outs)}
    placed: list[tuple[tuple[int, float], Figure]] = []
    for image, before in images:
        beside = (pages.index(before) if before else -1, math.inf)
        at, place = noted.get(image.relative_to(folder).as_posix(), beside)
        placed.append(((at, place), notebooks.figure(image, folder / "reports", pages[at] if at >= 0 else None)))
    return [figure for _, figure in sorted(placed, key=lambda one: one[0])]


def _hashes(folder: Path, stage: Stage) -> dict[str, str | None]:
    """The hash of each dep; None where it is not there, as code need not be."""
    ignored = ignored_by_dvc(folder)
    return {dep: hash_of(folder / dep, dep, ignored) if (folder / dep).exists() else None for dep in stage.deps}


def _texts(
    pages: Sequence[Page],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    facts: Facts,
    written: Sequence[Document],
    pipeline: str,
) -> dict[str, str]:
    """Return the text of all pages, and of the index, by their path under reports/. `pipeline` is its picture."""
    templates = _templates()
    texts: dict[str, str] = {}

    def add(path: str, template: str, **values: Any) -> None:
        if path in texts:
            raise Refusal(
                f"reports/{path} would be two pages, a stage's and a document's: rename the stage in dvc.yaml"
            )
        texts[path] = templates.get_template(template).render(**values)

    features = facts.evidence["features"].features if "features" in facts.evidence else ()
    links = [(document.path, document.title) for document in written]
    links += [(FEATURES, "Features")] if features else []
    for before, page, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        add(page.path, "page.html", page=page, before=before, after=after)
    for document in written:
        name = "canvas.html" if document.name == "canvas" else "document.html"
        add(document.path, name, document=document, links=links)
    if features:
        add(FEATURES, "features.html", features=_by_source(features), number=len(features), links=links)
    debts = [*_unasked(features), *_drafts(facts, pages), *(debt for document in written for debt in document.debts)]
    index: dict[str, Any] = {
        "params": _flat(facts.params),
        "debts": debts,
        "tables": tables,
        "sections": sections(facts, figures),
    }
    index |= {"documents": written, "features": FEATURES if features else None, "pages": pages}
    index["pipeline_svg"] = pipeline
    add("index.html", "index.html", first=first_screen(facts, debts), entries=list(_entries(index)), **index)
    return texts


def _entries(index: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the key and the title of each section of the index, in order."""
    yield from ((section.key, section.title) for section in index["sections"])
    named = {"debts": "Debts", "tables": "Metrics", "params": "Parameters"}
    yield from ((title.lower(), title) for name, title in named.items() if index[name])
    if index["documents"] or index["features"]:
        yield "documents", "Documents"
    yield "notebooks", "Notebooks"


def _replace(reports: Path, texts: Mapping[str, str]) -> None:
    """Write `texts` to their paths under `reports`. An earlier report stays until all of them are written."""
    unfinished = reports / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        (unfinished / "html").mkdir(parents=True)
        for path, text in texts.items():
            (unfinished / path).write_text(text, encoding="utf-8")
        shutil.rmtree(reports / "html", ignore_errors=True)
        (unfinished / "html").rename(reports / "html")
        (unfinished / "index.html").replace(reports / "index.html")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _files(dep: Path) -> list[Path]:
    if not dep.exists():
        raise Refusal(f"{dep}: the stage that writes it has not run yet: `dvc repro` runs it")
    return sorted(file for file in dep.rglob("*") if file.is_file()) if dep.is_dir() else [dep]


def _stage(dep: str, file: Path) -> str:
    """Return the stage of the executed notebook `file`; if `dep` is a folder, it is an item of a matrix."""
    return file.stem if dep.endswith(file.name) else f"{Path(dep).name}@{file.stem}"


def _unasked(features: Sequence[Feature]) -> list[Debt]:
    """Return a debt for the features of which nobody has said when they are known; none if there are none."""
    names = [feature.name for feature in features if feature.unasked]
    title = f"whether {', '.join(names)} {'are' if len(names) > 1 else 'is'} known when the prediction is asked for"
    return [Debt("Features", title, FEATURES, missing="words")] if names else []


def _drafts(facts: Facts, pages: Sequence[Page]) -> list[Debt]:
    """Return a debt where ranges and values of columns are drafts; it leads to the page that lists them."""
    names = facts.evidence["schema"].drafts if "schema" in facts.evidence else ()
    title = f"whether what is declared of {', '.join(names)} holds for other rows"
    return [Debt("Columns", title, page.path, missing="words") for page in pages if names and page.stage == "validate"]


def _by_source(features: Sequence[Feature]) -> dict[str, list[Feature]]:
    """Return the features by their source, in their order."""
    sources = dict.fromkeys(feature.source for feature in features)
    return {source: [feature for feature in features if feature.source == source] for source in sources}


def _flat(params: Any, above: str = "") -> dict[str, str]:
    """Return the value of each parameter as text, by its dotted key."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": str(value)}
    return flat


def _code_style() -> str:
    """Return the colors of code, on light and on dark ground."""
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "github-dark"))
    return f"{light}@media (prefers-color-scheme: dark) {{ {dark} }}"


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recommit.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = (files("recommit.report") / "templates" / "style.css").read_text(encoding="utf-8")
    environment.globals["style"] = own + _code_style()
    environment.filters |= {"groups": notebooks.groups, "in_cell": in_cell, "commands": commands}
    return environment
