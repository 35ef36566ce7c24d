"""Shows the lineage on a terminal: what was asked for, then each stage, the last one first."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from recommit.lineage.chain import Item, Step, overlap
from recommit.lineage.trace import Lineage

_WIDTH = 116
_MOST = 4  # files shown per line of a stage; a larger number shows more, and the rest is counted
_KEPT = {
    "git": "in Git",
    "dvc": "by `dvc add`",
    "outside": "outside the project, not read",
    "nowhere": "not in the commit",
}


def lines(found: Lineage) -> Iterator[str]:
    """Yield the lines that the terminal shows. The items of a matrix stage share an entry; long lists are cut."""
    thing = found.thing
    shown = f" = {_value(thing.value)}" if thing.kind in ("metric", "parameter") else ""
    yield f"{thing.name}{f': {thing.path}' if thing.kind == 'version' else ''}{shown}  {_short(thing.md5)}".rstrip()
    yield f"commit {found.shot.sha[:10]} of {found.shot.date}"
    yield from [thing.note] if thing.note else []
    yield from (f"warning: {words}" for words in found.warnings)
    for path, version in found.same_as:
        yield f"{path} is byte for byte {version}: `recommit lineage {version}` leads on"
    if found.row:
        yield f"row #{found.row.number}{f', {found.row.key_column} {found.row.key}' if found.row.key_column else ''}"
        yield from _wrapped("holds", _pairs(found.row.values))
        yield from _wrapped(f"features, from {found.row.inputs_from}:", [_some(_pairs(found.row.inputs or {}), 12)])
        if found.row.inputs is None:
            yield "  features: no table that the stage read has a row with this key, or it is not here"
    if found.direction == "forward" and found.steps:
        outs = sum(len(step.outs) for step in found.steps)
        yield f"if it changed, {len(found.steps)} stages would run again, and {outs} outs could change:"
    elif found.direction == "forward":
        yield "no stage reads it: nothing would change"
    elif found.steps:
        yield "made by, the last stage first (`--format json` lists every file):"
    yield from _stages(found)
    if model := found.model:
        told = found.steps if model.shot.sha == found.shot.sha else ()
        yield "\nthe model that scored it:"
        yield from lines(replace(model, steps=tuple(step for step in model.steps if step not in told)))


def _stages(found: Lineage) -> Iterator[str]:
    forward = found.direction == "forward"
    steps = found.steps if forward else found.steps[::-1]
    used = [found.thing.path, *(item.path for step in steps for item in step.data)]
    for family in dict.fromkeys(step.family for step in steps):
        own = [step for step in found.steps if step.family == family]
        names = [step.stage.partition("@")[2] for step in own]
        yield f"{family}{f'@{_some(names, 2)}' if any(names) else ''}: {own[0].desc}".removesuffix(": ")
        outs = [out for step in own for out in step.outs]
        if forward:
            yield from _wrapped("makes", [_some(out.path for out in outs)])
            continue
        needed = [out for out in outs if any(overlap(out.path, path) for path in used)]
        yield from _wrapped("made", [_some([f"{out.path} {_short(out.md5)}" for out in needed])])
        yield from _wrapped("read", [_some([_input(item, found) for step in own for item in step.data])])
        yield from _wrapped("params", [pair for step in own for pair in _pairs(step.params)])
        yield from _wrapped("code", [_code(own)])
        packages = (package for step in own for package in step.packages)
        yield from _wrapped("raw", [f"package {one.name} {one.version}, pinned in locks/run.txt" for one in packages])


def _input(item: Item, found: Lineage) -> str:
    makers = dict.fromkeys(name.partition("@")[0] for name in item.made_by)
    source = dict(found.same_as).get(item.path) or ", ".join(makers) or _KEPT[item.kept]
    return f"{item.path} {_short(item.md5)} ({source})"


def _code(steps: Iterable[Step]) -> str:
    """Return the notebooks that `steps` read, then how many other files and folders of code there are."""
    paths = dict.fromkeys(f"{item.path} {_short(item.md5)}" for step in steps for item in step.code)
    notebooks = [path for path in paths if ".ipynb " in path]
    return _some([*notebooks, *(path for path in paths if path not in notebooks)], max(len(notebooks), 1))


def _some(parts: Iterable[str], most: int = _MOST) -> str:
    listed = list(dict.fromkeys(parts))
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return f"{', '.join(listed[:most])}{more}"


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_value(value)}" for name, value in values.items()]


def _wrapped(word: str, parts: Iterable[str]) -> list[str]:
    text = ", ".join(filter(None, dict.fromkeys(parts)))
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"  {word:<7} ", subsequent_indent=" " * 10, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _short(md5: str) -> str:
    return md5[:8] + ("/" if md5.endswith(".dir") else "")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
