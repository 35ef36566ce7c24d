"""The lineage as a tree for the terminal, and as a graph for Graphviz."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recommit.lineage.chain import Item, Step, touches
from recommit.lineage.trace import Lineage

_WIDTH = 116
_KEPT = {"git": " (in Git)", "dvc": " (dvc add)", "outside": " (outside the project, not read)"}


def tree(found: Lineage, width: int = _WIDTH) -> Iterator[str]:
    """The lines of the tree: what was asked for, then each stage with what it read, down to the raw data.

    A stage that several things come of is told once, where it is first met. `width` is in characters.
    """
    yield from _head(found)
    if found.row:
        yield from _row(found, width)
    if found.direction == "forward":
        yield from _forward(found, width)
        return
    told: set[str] = set()
    makers = [step for step in found.steps if any(touches(out.path, found.thing.path) for out in step.outs)]
    for number, step in enumerate(makers):
        yield from _branch(step, found, told, "", number == len(makers) - 1, width)
    if found.model:
        yield ""
        yield "the model"
        same = {step.stage for step in found.steps} if found.model.shot.sha == found.shot.sha else set()
        if same >= {step.stage for step in found.model.steps} and found.model.steps:
            thing = found.model.thing
            yield f"{thing.path} {_short(thing.md5)} of this commit, made by {_makers(found.model)}"
            yield from (f"beware: {words}" for words in found.model.beware)
        else:
            yield from tree(found.model, width)


def _makers(found: Lineage) -> str:
    return ", ".join(s.stage for s in found.steps if any(touches(o.path, found.thing.path) for o in s.outs))


def _head(found: Lineage) -> Iterator[str]:
    thing = found.thing
    name = thing.name if thing.kind != "version" else f"{thing.name}: {thing.path}"
    shown = f" = {_value(thing.value)}" if thing.kind in ("metric", "parameter") else ""
    yield f"{name}{shown}{f'  {_short(thing.md5)}' if thing.md5 else ''}"
    yield f"commit {found.shot.sha[:10]} of {found.shot.date}"
    yield from thing.notes
    yield from (f"beware: {words}" for words in found.beware)
    for path, tag in found.same_as:
        yield f"{path} is byte for byte {tag}: `recommit lineage {tag}` leads on"
    said = dict.fromkeys(
        (item.path, item.md5, note) for step in found.steps for item in step.inputs for note in item.notes
    )
    yield from (f"beware: {path} {_short(md5)}: {note}" for path, md5, note in said)


def _row(found: Lineage, width: int) -> Iterator[str]:
    row = found.row
    assert row
    key = f", {row.key_column} {row.key}" if row.key_column else ""
    yield f"row #{row.number}{key}"
    yield from _pairs("says", row.values, "   ", width)
    if row.inputs is None:
        yield "   its inputs: no table that the stage read has a row of this key, or it is not here"
    else:
        yield from _pairs(f"was given, of {row.inputs_from}:", row.inputs, "   ", width)


def _forward(found: Lineage, width: int) -> Iterator[str]:
    if not found.steps:
        yield "no stage reads it: nothing would change"
        return
    outs = sum(len(step.outs) for step in found.steps)
    yield f"if it changed, {len(found.steps)} stages would run again, and {outs} outs could change:"
    for step in found.steps:
        yield f"{step.stage}: {step.desc}"
        yield from _wrapped("makes", [f"{out.path} {_short(out.md5)}" for out in step.outs], "   ", width)


def _branch(step: Step, found: Lineage, told: set[str], indent: str, last: bool, width: int) -> Iterator[str]:
    yield f"{indent}{'└─ ' if last else '├─ '}{step.stage}{'' if step.stage in told else f': {step.desc}'}" + (
        " (told above)" if step.stage in told else ""
    )
    if step.stage in told:
        return
    told.add(step.stage)
    inner = indent + ("   " if last else "│  ")
    above = list(_above(step, found))
    bar = inner + ("│  " if above else "   ")
    yield from _wrapped("made", [f"{out.path} {_short(out.md5)}" for out in step.outs], bar, width)
    yield from _pairs("params", step.params, bar, width)
    yield from _wrapped("code", [f"{item.path} {_short(item.md5)}" for item in step.code], bar, width)
    yield from _wrapped("read", [_said(item, found) for item in step.data], bar, width)
    for package in step.packages:
        hashes = ", ".join(one[:12] for one in package.sha256[:2]) + (" …" if len(package.sha256) > 2 else "")
        yield f"{bar}raw     package {package.name} {package.version}, pinned in locks/run.txt (sha256 {hashes})"
    for number, other in enumerate(above):
        yield from _branch(other, found, told, inner, number == len(above) - 1, width)


def _above(step: Step, found: Lineage) -> Iterator[Step]:
    wanted = {name for item in step.inputs for name in item.made_by if name != step.stage}
    return (other for other in reversed(found.steps) if other.stage in wanted)


def _said(item: Item, found: Lineage) -> str:
    source = "" if item.made_by else _KEPT[item.kept]
    same = dict(found.same_as).get(item.path)
    return f"{item.path} {_short(item.md5)}{f' ({same})' if same else source}"


def _pairs(word: str, values: Mapping[str, Any], indent: str, width: int) -> Iterator[str]:
    return _wrapped(word, [f"{name}: {_value(value)}" for name, value in values.items()], indent, width)


def _wrapped(word: str, parts: Iterable[str], indent: str, width: int) -> Iterator[str]:
    """A word and what belongs to it, over as many lines as it takes; parts are not broken."""
    whole = [part.replace(" ", "\0") for part in parts]
    if whole:
        first = f"{indent}{word:<8}" if len(word) < 8 else f"{indent}{word} "
        lines = textwrap.wrap(
            ", ".join(whole), max(width, len(indent) + 40), initial_indent=first, subsequent_indent=f"{indent}{'':8}",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        yield from (line.replace("\0", " ") for line in lines)


def _short(md5: str) -> str:
    return md5[:8] + ("/" if md5.endswith(".dir") else "")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def dot(found: Lineage) -> Iterator[str]:
    """The lines of a Graphviz graph: boxes are stages, ellipses files and folders, arrows lead from input to output."""
    yield "digraph lineage {"
    yield '  rankdir=LR; node [fontname="sans-serif", fontsize=10];'
    nodes: dict[str, str] = {}
    edges: set[tuple[str, str]] = set()
    for one in [found] + ([found.model] if found.model else []):
        prefix = "" if one is found else f"{one.shot.sha[:10]}:"
        _draw(one, prefix, nodes, edges)
    yield from (f"  {_quoted(name)} [{nodes[name]}];" for name in sorted(nodes))
    yield from (f"  {_quoted(one)} -> {_quoted(other)};" for one, other in sorted(edges))
    yield "}"


def _draw(found: Lineage, prefix: str, nodes: dict[str, str], edges: set[tuple[str, str]]) -> None:
    if found.model and found.model.shot.sha != found.shot.sha:
        edges.add((f"{found.model.shot.sha[:10]}:{found.model.thing.path}", f"{prefix}{found.thing.path}"))
    for step in found.steps:
        stage = f"{prefix}stage {step.stage}"
        nodes[stage] = f"shape=box, label={_quoted(step.stage)}, tooltip={_quoted(step.desc)}"
        for item in step.data:
            nodes.setdefault(f"{prefix}{item.path}", _file(item.path, item.md5))
            edges.add((f"{prefix}{item.path}", stage))
            for out in _inside(item.path, found):
                edges.add((f"{prefix}{out}", f"{prefix}{item.path}"))
        for made in step.outs:
            nodes.setdefault(f"{prefix}{made.path}", _file(made.path, made.md5))
            edges.add((stage, f"{prefix}{made.path}"))
        for package in step.packages:
            name = f"{prefix}package {package.name}"
            nodes[name] = f"shape=cylinder, label={_quoted(f'{package.name} {package.version}')}"
            edges.add((name, stage))
    about = f"{_file(found.thing.path, found.thing.md5)}, style=bold"
    nodes[f"{prefix}{found.thing.path}"] = about


def _inside(path: str, found: Lineage) -> Iterator[str]:
    """The outs that lie in the folder `path`, and the folders among the outs that it lies in."""
    outs = {out.path for step in found.steps for out in step.outs}
    return (out for out in outs if out != path and touches(out, path))


def _file(path: str, md5: str) -> str:
    return f"shape=ellipse, label={_quoted(f'{path}{chr(10)}{_short(md5)}' if md5 else path)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
