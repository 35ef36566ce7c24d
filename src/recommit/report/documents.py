"""Makes model card, datasheet and canvas: people write the words, and the numbers come from evidence.

An outline holds the questions of a document, and a YAML file of the project holds the answers. A question without an
answer is shown as a debt.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2
from jinja2.sandbox import SandboxedEnvironment
from nbconvert.filters.markdown import markdown2html
from ruamel.yaml import YAML

from recommit import Refusal
from recommit.evidence.stages import LeftOut
from recommit.project.yaml import read_yaml
from recommit.report.facts import Facts
from recommit.report.measured import MEASURED
from recommit.report.tables import Table, percent, shown

NAMES = ("model_card", "datasheet", "canvas")


@dataclass(frozen=True)
class Part:
    """A question, and the answer as HTML; "" if nobody has given one."""

    anchor: str
    question: str
    html: str


@dataclass(frozen=True)
class Section:
    """A section of a document: its parts, its tables made from evidence, and the names of those without evidence.

    `skipped` is true if questions about people were left out, because the data is not about people.
    """

    key: str
    title: str
    parts: tuple[Part, ...]
    tables: tuple[Table, ...]
    unmeasured: tuple[str, ...]
    skipped: bool


@dataclass(frozen=True)
class Debt:
    """A missing part of a document: the document, its title, the page's path with the anchor, and what is missing."""

    document: str
    title: str
    path: str
    missing: Literal["words", "evidence"]


@dataclass(frozen=True)
class Document:
    """A document: its name, title, a summary, the source of its form (`credit`, HTML), and its sections."""

    name: str
    title: str
    summary: str
    credit: str
    sections: tuple[Section, ...]

    @property
    def path(self) -> str:
        """The path of its page under reports/."""
        return f"html/{self.name.replace('_', '-')}.html"

    @property
    def debts(self) -> Iterator[Debt]:
        """The questions without an answer, and the tables without evidence."""
        for section in self.sections:
            for part in (part for part in section.parts if not part.html):
                question = f"{section.title}: {part.question}" if len(section.parts) > 1 else section.title
                yield Debt(self.title, question, f"{self.path}#{part.anchor}", missing="words")
            for what in section.unmeasured:
                yield Debt(self.title, f"{section.title}: {what}", f"{self.path}#{section.key}", missing="evidence")


def documents(folders: Sequence[Path], facts: Facts) -> list[Document]:
    """Return the documents, filled from `facts`. Their answers are in one of `folders`, in files like model_card.yaml.

    If a folder has one of these files, all documents are made; all parts of those without a file are debts. Returns []
    if no folder has one. Raises Refusal for an answer to an unknown question, for a typed number that evidence holds,
    and for a placeholder that cannot be filled.
    """
    folder = next((folder for folder in folders if any((folder / f"{name}.yaml").exists() for name in NAMES)), None)
    return [] if folder is None else [_document(name, folder / f"{name}.yaml", facts) for name in NAMES]


def _document(name: str, path: Path, facts: Facts) -> Document:
    outline = YAML(typ="safe", pure=True).load(
        (files("recommit.report") / "outlines" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    answers = read_yaml(path) if path.exists() else {}
    people = answers.pop("people", True)
    for key in (
        key for key in answers if key not in outline["sections"]
    ):  # otherwise a mistyped name would look like a missing answer
        raise Refusal(f"{path.name}: there is no section {key}; there are {', '.join(outline['sections'])}")
    sections = tuple(
        _section(key, entry, answers.get(key), people, facts, f"{path.name}: {key}")
        for key, entry in outline["sections"].items()
    )
    return Document(name, outline["title"], outline["summary"], markdown2html(outline["credit"]), sections)


def _section(key: str, entry: Mapping[str, Any], answer: Any, people: bool, facts: Facts, where: str) -> Section:
    """Return the section `key` of an outline. A section with a single question has one part, with the name ""."""
    asked = entry.get("parts") or {"": entry}
    given = answer or {} if "parts" in entry else {"": answer}
    if not isinstance(given, Mapping):
        raise Refusal(f"{where}: expected a text for each of {', '.join(asked)}, found {type(given).__name__}")
    for name, text in given.items():
        if name not in asked:
            raise Refusal(f"{where} has no part {name}; it has {', '.join(asked)}")
        if text is not None and not isinstance(text, str):
            raise Refusal(f"{f'{where}: {name}'.rstrip(': ')}: expected a text, found {type(text).__name__}: quote it")
    of_people = [name for name, part in asked.items() if part.get("people") and not people]
    parts = tuple(
        Part(f"{key}-{name}".rstrip("-"), part["question"], fill(given.get(name), facts, f"{where}.{name}".rstrip(".")))
        for name, part in asked.items()
        if given.get(name) or not (part.get("optional") or name in of_people)
    )
    made = {name: MEASURED[name](facts) for name in entry.get("measured", ())}
    tables = tuple(table for found in made.values() for table in found)
    unmeasured = tuple(name for name, found in made.items() if not found)
    return Section(key, entry["title"], parts, tables, unmeasured, skipped=bool(of_people))


def fill(text: str | None, facts: Facts, where: str) -> str:
    """Return the Markdown `text` as HTML, with placeholders such as `{{ evidence.test.period.rows }}` filled.

    A share may be shown in percent: `{{ evidence.test.period.mean | percent }}`. Raises Refusal, which names `where`,
    for a typed number that evidence holds, and for a placeholder that cannot be filled.
    """
    if copied := _copied(text or "", facts):
        raise Refusal(f"{where}: {copied}")
    if not (text or "").strip():
        return ""
    try:
        filled = _Filling(finalize=_finalize).from_string(text or "").render(vars(facts))
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        raise Refusal(f"{where}: a placeholder cannot be filled: {error}") from None
    return markdown2html(filled).strip()


def _copied(text: str, facts: Facts) -> str:
    """Return a message about a number in `text` that was copied from the report; "" if there is none.

    A copied number would not change when evidence does. Numbers with fewer than three significant digits, such as 0.5
    or 200, are allowed, because a definition may equal a number of evidence by chance.
    """
    plain = re.sub(r"\{\{.*?\}\}|`.*?`|https?://\S+", " ", text, flags=re.DOTALL)
    typed = {figure.replace(",", ""): figure for figure in re.findall(r"\d[\d,]*(?:\.\d+)?", plain)}
    typed = {bare: figure for bare, figure in typed.items() if len(bare.replace(".", "").strip("0")) > 2}
    for place, number in _numbers(facts.evidence, "evidence") if typed else ():
        for shown_as, how in ((shown(number), ""), (percent(number), " | percent")):
            bare = shown_as.removesuffix(" %").replace(",", "")
            if bare in typed:
                return (
                    f"{typed[bare]} is typed, and evidence holds it: write {{{{ {place}{how} }}}}, "
                    "which changes when evidence does"
                )
    return ""


def _numbers(found: Any, place: str) -> Iterator[tuple[str, float]]:
    """Yield each number in `found`, a piece of evidence, with the text of the placeholder that names it."""
    if is_dataclass(found) or isinstance(found, Mapping):
        for key, part in (found if isinstance(found, Mapping) else vars(found)).items():
            yield from _numbers(part, f"{place}.{key}" if str(key).isidentifier() else f'{place}["{key}"]')
    elif isinstance(found, list | tuple):
        for number, part in enumerate(found):
            yield from _numbers(part, f"{place}[{number}]")
    elif isinstance(found, int | float) and not isinstance(found, bool):
        yield place, found


class _Filling(SandboxedEnvironment):
    """Jinja in which `a.b` is a key of a mapping or a field of evidence. Its errors list the existing keys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, **options)
        self.filters["percent"] = lambda value: value if isinstance(value, LeftOut) else percent(value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, LeftOut):  # and so is all that it would hold
            return obj
        found = vars(obj) if is_dataclass(obj) else obj
        if isinstance(found, Mapping) and argument not in found:
            return self.undefined(hint=f"there is no {argument}; there are {', '.join(map(str, found))}")
        return super().getitem(found, argument)


def _finalize(value: Any) -> Any:
    """Return the text for a placeholder's `value`. Raises ValueError for None: evidence holds no value there."""
    if value is None:
        raise ValueError("what it names is empty")
    if isinstance(value, LeftOut):
        return f"(not measured: {value.left_out} is left out)"
    return value if isinstance(value, jinja2.Undefined) else shown(value)
