"""The pipeline's picture as SVG: boxes and the lines between them."""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from recommit.graph.boxes import Box, boxes
from recommit.graph.layout import Place, layout
from recommit.project.pipeline import Stage

_LETTER = 7.9
"""Width of a letter of the monospaced font, 13 px."""
_EDGE = 5.0
"""Free space around the whole."""
_CARD = 3
"""How far the second card of a box with several stages lies behind the first."""
_STYLE = (
    '.pipeline{font:13px ui-monospace,"DejaVu Sans Mono",monospace}'
    ".pipeline text{fill:currentColor;text-anchor:middle;dominant-baseline:central}"
    ".pipeline .box{fill:none;stroke:currentColor;stroke-opacity:.6}"
    ".pipeline .line{fill:none;stroke:currentColor;stroke-opacity:.4}"
    ".pipeline .head{fill:currentColor;fill-opacity:.6}"
)


def svg(stages: Sequence[Stage], width: float = 1000) -> str:
    """Return the picture of the pipeline of `stages`, without their states, as one `<svg>` to put into a page.

    It is about `width` pixels wide, has the colour of the text around it, and needs no other file. Stages stand from
    left to right, in columns by depth. Its description says in words what leads where.
    """
    return picture(boxes(stages), width)


def picture(found: Sequence[Box], width: float, states: Mapping[str, tuple[str, str]] | None = None) -> str:
    """Return the picture of the boxes `found`, about `width` pixels wide.

    With `states`, each box is a link to `#NAME`. They hold by its name its state, which becomes its class, and what is
    said of it, which stands below its name.
    """
    high = 42 if states else 22
    letters = {box.name: max(len(box.label), len(states[box.name][1]) if states else 0) for box in found}
    widths = {name: number * _LETTER + 14 for name, number in letters.items()}
    before = {box.name: box.before for box in found}
    where = layout(before, widths, high, gap=6, wanted=width - 2 * _EDGE)
    size = f"{where.width + 2 * _EDGE:.0f} {where.height + 2 * _EDGE:.0f}"
    lines = [*(_line(*ends) for ends in where.lines), *(_across(lane) for lane in where.lanes)]
    heads = [_head(where.boxes[box.name]) for box in found if box.before]
    shapes = [_shape(box, where.boxes[box.name], states) for box in found]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pipeline" role="{"group" if states else "img"}" '
        f'aria-labelledby="pipeline-title" aria-describedby="pipeline-desc" '
        f'width="{size.split()[0]}" height="{size.split()[1]}" viewBox="{-_EDGE:.0f} {-_EDGE:.0f} {size}">'
        f'<title id="pipeline-title">The pipeline: {sum(len(box.stages) for box in found)} stages</title>'
        f'<desc id="pipeline-desc">{escape(in_words(found))}</desc>\n<style>{_STYLE}</style>\n'
        f'<path class="line" d="{"".join(lines)}"/>\n<path class="head" d="{"".join(heads)}"/>\n'
        + "".join(f"{shape}\n" for shape in shapes)
        + "</svg>\n"
    )


def in_words(found: Sequence[Box]) -> str:
    """Return which boxes follow which, as sentences."""
    after = {box.name: [other.name for other in found if box.name in other.before] for box in found}
    said = [f"{box.label} leads to {', '.join(after[box.name])}." for box in found if after[box.name]]
    return " ".join(said)


def _shape(box: Box, place: Place, states: Mapping[str, tuple[str, str]] | None) -> str:
    left, top = place.x - place.width / 2, place.y - place.height / 2
    said = f"<title>{escape(box.desc)}</title>"
    if len(box.stages) > 1:
        card = f"v-{_CARD}h{place.width:.1f}v{place.height:.1f}h-{_CARD}"
        said += f'<path class="box" d="M{left + _CARD:.1f} {top:.1f}{card}"/>'
    said += (
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="3"/>'
    )
    if not states:
        return f'<g>{said}<text x="{place.x:.1f}" y="{place.y:.1f}">{escape(box.label)}</text></g>'
    state, of_it = states[box.name]
    return (
        f'<a href="#{quote(box.name)}" class="{state.replace(" ", "-")}" aria-label="{escape(box.label)}: {of_it}">'
        f"{said}"
        f'<text x="{place.x:.1f}" y="{place.y - 9:.1f}">{escape(box.label)}</text>'
        f'<text class="state" x="{place.x:.1f}" y="{place.y + 10:.1f}">{of_it}</text></a>'
    )


def _line(source: Place, target: Place) -> str:
    start, end = source.x + source.width / 2, target.x - target.width / 2
    middle = (start + end) / 2
    return (
        f"M{start:.1f} {source.y:.1f}C{middle:.1f} {source.y:.1f} {middle:.1f} {target.y:.1f} {end:.1f} {target.y:.1f}"
    )


def _across(lane: Place) -> str:
    return f"M{lane.x - lane.width / 2:.1f} {lane.y:.1f}h{lane.width:.1f}"


def _head(place: Place) -> str:
    return f"M{place.x - place.width / 2:.1f} {place.y:.1f}l-7 -3.5v7z"
