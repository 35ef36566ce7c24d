"""Documents whose words people write and whose numbers come from evidence: model card, datasheet, canvas.

An outline says which questions a document answers; a YAML file of the project holds the answers. What nobody has
answered is a debt, and shown as one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2
from jinja2.sandbox import SandboxedEnvironment
from nbconvert.filters.markdown import markdown2html
from ruamel.yaml import YAML

from recommit import Refusal
from recommit.project.yaml import read_yaml
from recommit.report import typed
from recommit.report.evidence import Facts
from recommit.report.measured import MEASURED
from recommit.report.tables import Table, percent, shown

NAMES = ("model_card", "datasheet", "canvas")


@dataclass(frozen=True)
class Part:
    """A question, and the answer as HTML; empty where nobody has given one."""

    anchor: str
    question: str
    html: str


@dataclass(frozen=True)
class Section:
    """A document's section: its parts, the tables that evidence makes, and the names of those that it cannot make.

    `skipped`: questions about people were left out, since the data is about none.
    """

    key: str
    title: str
    parts: tuple[Part, ...]
    tables: tuple[Table, ...]
    unmeasured: tuple[str, ...] = ()
    skipped: bool = False


@dataclass(frozen=True)
class Debt:
    """A part of a document that is not there: its page's path with the anchor, and what it is in want of."""

    title: str
    path: str
    missing: Literal["words", "evidence"]


@dataclass(frozen=True)
class Document:
    """A document by name, with what it is, where its form comes from (HTML), and its sections."""

    name: str
    title: str
    summary: str
    credit: str
    sections: tuple[Section, ...]

    @property
    def path(self) -> str:
        """Its page under reports/."""
        return f"html/{self.name.replace('_', '-')}.html"

    @property
    def debts(self) -> tuple[Debt, ...]:
        """What nobody has written, and what nothing has measured."""
        return tuple(debt for section in self.sections for debt in self._of(section))

    @property
    def debts_here(self) -> list[tuple["Document", Debt]]:
        """The debts, each with the document that it is in."""
        return [(self, debt) for debt in self.debts]

    def _of(self, section: Section) -> Iterator[Debt]:
        for part in (part for part in section.parts if not part.html):
            question = f"{section.title}: {part.question}" if len(section.parts) > 1 else section.title
            yield Debt(question, f"{self.path}#{part.anchor}", missing="words")
        for what in section.unmeasured:
            yield Debt(f"{section.title}: {what}", f"{self.path}#{section.key}", missing="evidence")


def documents(folders: Sequence[Path], facts: Facts) -> list[Document]:
    """The documents whose answers lie in one of the folders, `model_card.yaml` say, filled from `facts`.

    Where a folder holds one of them, those that are missing are made as well, of debts alone. Refusal for an answer to
    a question that the outline does not ask, a typed number, or a placeholder that nothing fills.
    """
    folder = next((folder for folder in folders if any((folder / f"{name}.yaml").exists() for name in NAMES)), None)
    return [] if folder is None else [_document(name, folder / f"{name}.yaml", facts) for name in NAMES]


def _document(name: str, path: Path, facts: Facts) -> Document:
    outline = YAML(typ="safe", pure=True).load(
        (files("recommit.report") / "outlines" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    answers = read_yaml(path) if path.exists() else {}
    people = answers.pop("people", True)
    _refuse_others(path.name, answers, outline["sections"])
    sections = tuple(
        _section(key, entry, answers.get(key), people, facts, f"{path.name}: {key}")
        for key, entry in outline["sections"].items()
    )
    return Document(name, outline["title"], outline["summary"], markdown2html(outline["credit"]), sections)


def _section(key: str, entry: Mapping[str, Any], answer: Any, people: bool, facts: Facts, where: str) -> Section:
    skipped = False
    if "parts" in entry:
        given = answer or {}
        skipped = not people and any(part.get("people") for part in entry["parts"].values())
        parts = tuple(
            Part(f"{key}-{name}", part["question"], fill(given.get(name), facts, f"{where}.{name}"))
            for name, part in entry["parts"].items()
            if given.get(name) or not (part.get("optional") or (part.get("people") and not people))
        )
    else:
        parts = (Part(key, entry["question"], fill(answer, facts, where)),)
    made = {name: MEASURED[name](facts) for name in entry.get("measured", ())}
    tables = tuple(table for found in made.values() for table in found)
    unmeasured = tuple(name for name, found in made.items() if not found)
    return Section(key, entry["title"], parts, tables, unmeasured, skipped)


def _refuse_others(file: str, answers: Mapping[str, Any], sections: Mapping[str, Any]) -> None:
    """Refuse answers that no question asks for: a mistyped name would be a silent debt."""
    for key, answer in answers.items():
        if key not in sections:
            raise Refusal(f"{file}: there is no section {key}; there are {', '.join(sections)}")
        parts = sections[key].get("parts")
        if answer is None or (parts is None and isinstance(answer, str)):
            continue
        if parts is None or not isinstance(answer, Mapping):
            expected = "a text" if parts is None else f"a text for each of {', '.join(parts)}"
            raise Refusal(f"{file}: {key}: expected {expected}, found {type(answer).__name__}")
        for name, text in answer.items():
            if name not in parts:
                raise Refusal(f"{file}: {key} has no part {name}; it has {', '.join(parts)}")
            if text is not None and not isinstance(text, str):
                raise Refusal(f"{file}: {key}.{name}: expected a text, found {type(text).__name__}: quote it")


def fill(text: str | None, facts: Facts, where: str) -> str:
    """A text in Markdown as HTML, each placeholder filled: `{{ evidence.test.period.rows }}`, `{{ params.as_of }}`.

    A share may be shown in percent: `{{ evidence.test.period.late_share | percent }}`. Raises Refusal, saying `where`,
    for a typed number and for a placeholder that nothing fills.
    """
    found = typed.numbers(text or "")
    if found:
        raise Refusal(
            f"{where}: {found[0]} is typed by hand and would grow stale: take numbers from evidence, params or hashes, "
            "as in {{ evidence.test.period.rows }}"
        )
    if not (text or "").strip():
        return ""
    try:
        filled = _Filling(finalize=_finalize).from_string(text or "").render(vars(facts))
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        raise Refusal(f"{where}: a placeholder cannot be filled: {error}") from None
    return markdown2html(filled).strip()


class _Filling(SandboxedEnvironment):
    """Jinja in which `a.b` is the key b of a mapping and nothing else, and says which keys there are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, **options)
        self.filters["percent"] = percent

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and argument not in obj:
            return self.undefined(hint=f"there is no {argument}; there are {', '.join(map(str, obj))}")
        return super().getitem(obj, argument)


def _finalize(value: Any) -> Any:
    """How a placeholder's value is shown; one that is empty in evidence is as good as missing."""
    if value is None:
        raise ValueError("what it names is empty")
    return value if isinstance(value, jinja2.Undefined) else shown(value)
