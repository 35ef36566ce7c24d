"""The draft of a project's columns.py: each column declared in one line, as `ruff format` would leave it."""

import math
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from recommit.rawtable.form import PLAIN, Form
from recommit.template.look import Line, Look

_WIDTH = 120
_TAKEN = frozenset(
    {"TARGET", "ROWS", "FEATURES", "CATALOGUE", "FORM", "ALWAYS", "NEVER", "UNASKED", "WITH_ROW", "I", "O"}
)


def draft_columns(look: Look, file: str) -> str:
    """Returns the text of src/NAME/columns.py: TARGET, FORM, how `file` is written, ROWS, its table, and CATALOGUE.

    Every column of the file is declared. Those that the first fit is not given are in no feature, with the reason.
    """
    constants = _constants(look)
    body = [
        f"TARGET = {_text(look.target)}",
        *_constant_lines(look, constants),
        _call("", "FORM = Form", _form(look.form)),
        "ROWS = Table(",
        '    "rows",',
        f"    keys=(({_text(look.key)},),),",
        "    columns=(",
        *(text for line in _lines(look) for text in _column(line, look, constants)),
        "    ),",
        ")",
        *_catalogue(look, constants),
    ]
    text = "\n".join([*_head(look, file), "", *_imports(look, body), "", *body])
    return f"{text}\n"


def _head(look: Look, file: str) -> list[str]:
    """The docstring, with what was guessed and is not said of one column below."""
    guessed = [one for one in look.questions if not one.flag.startswith("--known")]
    return [
        f'"""The columns of {_plain(file)}: what each holds, when it is known, and which are features.',
        "",
        f"A draft from {look.rows:,} rows: ranges and values are theirs, and prove nothing of later ones, so that one",
        "beyond is told and not refused. Where you know a bound, write it and take draft=True out. A feature is",
        "UNASKED until you say that its value is known when the prediction is asked for: then write WITH_ROW.",
        *(["", "Guessed; where it is right, take the line out:", ""] if guessed else []),
        *(line for one in guessed for line in _wrapped(f"- {one.about}: {one.asks} Taken: {one.guess}.")),
        '"""',
    ]


def _imports(look: Look, body: list[str]) -> list[str]:
    """The import lines of what the text uses."""
    text = "\n".join(body)
    wanted = {
        "recommit.catalogue": ["UNASKED", "WITH_ROW", "Catalogue", "Feature", "as_given", "listed"],
        "recommit.columns": ["ALWAYS", "NEVER", "Column", "Table", "since"],
        "recommit.rawtable.form": ["Form"],
    }
    used = {module: [name for name in names if re.search(rf"\b{name}\b", text)] for module, names in wanted.items()}
    return [f"from {module} import {', '.join(names)}" for module, names in used.items() if names]


def _lines(look: Look) -> Iterator[Line]:
    """The lines of the table: the columns that are added before those of the file."""
    if look.form.numbered:
        yield Line(look.form.numbered, "whole", "", "key", "", "yes", look.rows, 0.0, within=(1, math.inf))
    yield from look.lines
    if look.form.known:
        yield Line(look.form.known, "instant", "", "excluded", "", "yes", 0, 0.0)


def _column(line: Line, look: Look, constants: dict[str, str]) -> Iterator[str]:
    """The declaration of a column, below the reason where the first fit is not given it."""
    if line.role == "excluded" and line.why:
        yield _comment("        # ", f"left out: {line.why}")
    yield _call("        ", "Column", _arguments(line, look, constants), ",")


def _arguments(line: Line, look: Look, constants: dict[str, str]) -> list[str]:
    kind = _kind(line, look)
    found = ["TARGET" if line.role == "target" else _text(line.name), _text(kind), _known(line, look)]
    if line.unit:
        found.append(f"unit={_text(line.unit)}")
    if line.within and kind in ("number", "whole") and line.role in ("key", "feature", "group"):
        found.append(f"within={_range(line)}")
    if kind == "text" and line.role in ("feature", "target") and line.distinct == len(line.values):
        found.append(f"values={constants.get(line.name) or _tuple(line.values)}")
    if line.role in ("feature", "group") and found[-1].startswith(("within", "values")):
        found.append("draft=True")
    if line.missing:
        found.append('missing="may be"')
    if line.role in ("key", "time", "group", "feature"):
        found.append("given=True")
    return found


def _kind(line: Line, look: Look) -> str:
    """The declared kind: a target is a boolean, a number or text; another boolean is text, which can be given."""
    if line.role == "target":
        return {"binary": "boolean", "number": "number", "classes": "text"}[look.task.kind]
    if line.kind == "boolean":
        return "text"
    # A whole number is never missing, and what is not known yet is.
    missing = line.missing or _known(line, look) != "ALWAYS"
    return "number" if line.kind == "whole" and missing else line.kind


def _known(line: Line, look: Look) -> str:
    if line.role != "target" and line.known_when_asked not in ("no", "no?"):
        return "ALWAYS"
    return f"since({_text(look.form.known)})" if look.form.known else "NEVER"


def _range(line: Line) -> str:
    """The lowest and the highest value, to two digits of the distance between them; None for no highest."""
    assert line.within is not None
    low, high = line.within
    if line.role == "key":
        return f"({min(math.floor(low), 1)}, None)"
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1) if high > low else max(abs(high), 1.0)
    if line.kind == "whole":
        step = max(step, 1.0)
    below, above = math.floor(low / step), math.ceil(high / step)
    # A row to score has numbers of 32 bits, and the next of these must be within.
    while float(np.float32(low)) < _times(below, step):
        below -= 1
    while float(np.float32(high)) > _times(above, step):
        above += 1
    return f"({_times(below, step)!r}, {_times(above, step)!r})"


def _times(number: int, step: float) -> float | int:
    """A multiple of a power of ten, without the digits that arithmetic adds."""
    found = float(f"{number * step:.12g}")
    return int(found) if found.is_integer() else found


def _catalogue(look: Look, constants: dict[str, str]) -> Iterator[str]:
    features = []
    for line in look.features:
        known = "WITH_ROW" if line.known_when_asked == "yes" else "UNASKED"
        found = [f"ROWS[{_text(line.name)}]", _text(line.name), known]
        if line.kind in ("text", "boolean") and line.distinct > len(line.values):
            found.append(f"values={constants[line.name]}")
        features.append(_call("    ", "as_given", found, ","))
    start = "FEATURES: tuple[Feature, ...] = ("
    one = f"{start}{features[0].strip() if features else ''})"
    if len(features) > 1 or len(one) > _WIDTH or "\n" in one:
        yield from (start, *features, ")")
    else:
        yield one
    yield 'CATALOGUE = Catalogue(FEATURES, {"full": tuple(feature.name for feature in FEATURES)})'


def _joined(names: list[str]) -> str:
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


def _form(form: Form) -> list[str]:
    """The arguments of a form, where it is not as expected."""
    given = {one.name: getattr(form, one.name) for one in fields(Form)}
    return [f"{name}={_value(value)}" for name, value in given.items() if value != getattr(PLAIN, name)]


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return _tuple(value)
    return _text(value) if isinstance(value, str) else repr(value)


def _constants(look: Look) -> dict[str, str]:
    """The names of the vocabularies that are too long for a line of the table, or not all of a column's values."""
    found: dict[str, str] = {}
    for line in look.features:
        if line.kind not in ("text", "boolean"):
            continue
        inline = _call("        ", "Column", _arguments(line, look, {}), ",")
        if "\n" in inline or line.distinct > len(line.values):
            name = re.sub(r"\W+", "_", line.name, flags=re.ASCII).strip("_").upper() or "VALUES"
            name = f"_{name}" if name[0].isdigit() else name
            while name in found.values() or name in _TAKEN:
                name += "_"
            found[line.name] = name
    return found


def _constant_lines(look: Look, constants: dict[str, str]) -> Iterator[str]:
    for column, name in constants.items():
        yield from _listed(name, look[column].values)


def _listed(name: str, values: tuple[str, ...]) -> Iterator[str]:
    """A constant that holds many texts in few lines."""
    mark = next(mark for mark in "|;~^\t" if not any(mark in value for value in values))
    mark_said = "" if mark == "|" else f", {_text(mark)}"
    one = f"{name} = listed({_text(mark.join(values))}{mark_said})"
    if len(one) <= _WIDTH:
        yield one
        return
    yield f"{name} = listed("
    packed = ""
    for place, value in enumerate(values):
        part = value + mark * (place < len(values) - 1)
        if packed and len(f"    {_text(packed + part)}{',' * bool(mark_said)}") > _WIDTH:
            yield f"    {_text(packed)}"
            packed = ""
        packed += part
    yield f"    {_text(packed)}{',' * bool(mark_said)}"
    if mark_said:
        yield f"    {_text(mark)},"
    yield ")"


def _call(indent: str, name: str, arguments: list[str], end: str = "") -> str:
    """A call in one line, else with all arguments in the next, else one below the other."""
    one = f"{indent}{name}({', '.join(arguments)}){end}"
    if len(one) <= _WIDTH:
        return one
    inner = f"{indent}    {', '.join(arguments)}"
    if len(inner) <= _WIDTH:
        return f"{indent}{name}(\n{inner}\n{indent}){end}"
    below = "\n".join(f"{indent}    {argument}," for argument in arguments)
    return f"{indent}{name}(\n{below}\n{indent}){end}"


def _comment(start: str, text: str) -> str:
    text = _plain(text)
    return start + (text if len(start + text) <= _WIDTH else text[: _WIDTH - len(start) - 3].rstrip() + "...")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(_plain(text), _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _plain(text: str) -> str:
    """Text without line ends and quotes of three, for a comment or docstring."""
    return " ".join(text.split()).replace('"""', "'''").replace("\\", "/")


def _tuple(values: tuple[str, ...]) -> str:
    return _joined([_text(value) for value in values])


def _text(value: str) -> str:
    """A literal with the quotes of `ruff format`: double ones, unless single ones need fewer escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    said = (f"\\{one}" if one in (quote, "\\") else one if one.isprintable() else repr(one)[1:-1] for one in value)
    return f"{quote}{''.join(said)}{quote}"
