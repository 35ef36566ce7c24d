"""Where the boxes of a picture stand: in columns by depth, in an order with few crossings, near those they lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from recommit.graph.boxes import depths

LANE = 12.0
"""Height of the lane in which a line passes a column."""
_SWEEPS = 12

Node = tuple[str, int]
"""A box with its column, or with an earlier column: the lane there of all lines that end in this box."""


@dataclass(frozen=True)
class Place:
    """The centre of a node, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The places of the boxes by name, those of the lanes, and the lines, each from a place to one further right."""

    boxes: Mapping[str, Place]
    lanes: tuple[Place, ...]
    lines: tuple[tuple[Place, Place], ...]
    width: float
    height: float


def layout(
    before: Mapping[str, tuple[str, ...]], widths: Mapping[str, float], height: float, gap: float, wanted: float
) -> Layout:
    """Lay out boxes of a `height`, each of at least its width in `widths`. `before` names those before each box.

    All boxes of a column have the width of its widest, and `gap` is between one and the next. The whole is about
    `wanted` wide, if it can be without columns too near to or too far from each other.
    """
    depth = depths(before)
    columns, links = _columns(before, depth)
    columns = _ordered(columns, links)
    broad = [max(widths[name] for name, _ in column if depth[name] == place) for place, column in enumerate(columns)]
    between = min(max((wanted - sum(broad)) / max(len(broad) - 1, 1), 2.5 * gap), 12 * gap)
    high = {node: height + gap if depth[node[0]] == node[1] else LANE for column in columns for node in column}
    middles = _middles(columns, links, high)
    places = {
        (name, column): Place(
            x=sum(broad[:column]) + column * between + broad[column] / 2,
            y=round(middles[name, column]),
            width=broad[column],
            height=height if depth[name] == column else 0,
        )
        for name, column in middles
    }
    return Layout(
        {name: places[name, depth[name]] for name in before},
        tuple(place for node, place in places.items() if depth[node[0]] != node[1]),
        tuple((places[source], places[target]) for source, target in links),
        width=sum(broad) + between * max(len(broad) - 1, 0),
        height=max((sum(high[node] for node in column) for column in columns), default=0),
    )


def _columns(
    before: Mapping[str, tuple[str, ...]], depth: Mapping[str, int]
) -> tuple[list[list[Node]], list[tuple[Node, Node]]]:
    """Return the nodes of each column, and the links between nodes of neighbouring columns.

    A line that passes columns has a lane in each. Lines with one end share it, so that there are fewer.
    """
    columns: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, own in depth.items():
        columns[own].append((name, own))
    links: dict[tuple[Node, Node], None] = {}
    for name, others in before.items():
        for other in others:
            way = [(other, depth[other]), *((name, column) for column in range(depth[other] + 1, depth[name] + 1))]
            links |= dict.fromkeys(pairwise(way))
            for lane in way[1:-1]:
                if lane not in columns[lane[1]]:
                    columns[lane[1]].append(lane)
    return columns, list(links)


def _ordered(columns: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> list[list[Node]]:
    """Return the columns, each in an order such that few lines cross: Sugiyama's sweeps, then swaps of neighbours."""
    before = {node: [source for source, target in links if target == node] for column in columns for node in column}
    after = {node: [target for source, target in links if source == node] for node in before}
    best, least = columns, crossings(columns, links)
    current = columns
    for sweep in range(_SWEEPS):
        near = after if sweep % 2 else before
        current = list(current)
        for column in reversed(range(len(current))) if sweep % 2 else range(len(current)):
            position = _positions(current)
            current[column] = sorted(
                current[column], key=lambda node: _mean([position[o] for o in near[node] or [node]])
            )
        current = [_swapped(column, _positions(current), (before, after)) for column in current]
        if (number := crossings(current, links)) < least:
            best, least = current, number
    return best


def _swapped(
    column: list[Node], position: Mapping[Node, int], sides: Sequence[Mapping[Node, list[Node]]]
) -> list[Node]:
    """Return the nodes of a column, with neighbours swapped, from top to bottom, where fewer lines cross so."""

    def cross(upper: Node, lower: Node) -> int:
        return sum(position[one] > position[other] for near in sides for one in near[upper] for other in near[lower])

    found = list(column)
    for place in range(len(found) - 1):
        upper, lower = found[place : place + 2]
        if cross(lower, upper) < cross(upper, lower):
            found[place : place + 2] = lower, upper
    return found


def crossings(columns: Sequence[Sequence[Node]], links: Sequence[tuple[Node, Node]]) -> int:
    """Return how many pairs of links cross, if each column's nodes stand in this order."""
    position = _positions(columns)
    ends = [(source[1], position[source], position[target]) for source, target in links]
    return sum(
        column == other and (above - below) * (right - left) < 0
        for i, (column, above, right) in enumerate(ends)
        for other, below, left in ends[:i]
    )


def _positions(columns: Sequence[Sequence[Node]]) -> dict[Node, int]:
    return {node: place for column in columns for place, node in enumerate(column)}


def _middles(
    columns: Sequence[Sequence[Node]], links: Sequence[tuple[Node, Node]], high: Mapping[Node, float]
) -> dict[Node, float]:
    """Return the height at which each node stands: near the mean of those it is linked with, none upon another."""
    near: dict[Node, list[Node]] = {node: [] for node in high}
    for source, target in links:
        near[source].append(target)
        near[target].append(source)
    whole = max((sum(high[node] for node in column) for column in columns), default=0)
    middles = dict.fromkeys(high, whole / 2)
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = [sum(middles[other] for other in near[n] or [n]) / len(near[n] or [n]) for n in column]
            middles |= zip(column, _apart(wanted, [high[node] for node in column], whole), strict=True)
    return middles


def _apart(wanted: Sequence[float], heights: Sequence[float], whole: float) -> list[float]:
    """Return the middles nearest to those `wanted`, in this order, so that nothing overlaps and all is in 0 to `whole`.

    That is isotonic regression, by pooling adjacent violators, of what remains when heights are taken off.
    """
    offsets, total = [], 0.0
    for height in heights:
        offsets.append(total + height / 2)
        total += height
    pools: list[list[float]] = []
    for one in (want - offset for want, offset in zip(wanted, offsets, strict=True)):
        pools.append([one])
        while len(pools) > 1 and _mean(pools[-2]) >= _mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    free = [_mean(pool) for pool in pools for _ in pool]
    return [min(max(start, 0), whole - total) + offset for start, offset in zip(free, offsets, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
