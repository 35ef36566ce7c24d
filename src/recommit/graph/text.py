"""The pipeline as text: a line for each box, by depth, with its state and what it follows."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import click

from recommit.graph.boxes import Box, depths
from recommit.graph.states import MEANING, Standing, of_box

WIDTH = 120
COLOURS = {"failed": "red", "changed": "yellow", "waiting": "cyan", "up to date": "green"}
_REASONS = 2
"""So many reasons why a box is not up to date are listed; of more, their number."""


def lines(found: Sequence[Box], states: Mapping[str, Standing]) -> Iterator[str]:
    """Yield the lines, of at most `WIDTH` characters, with the colours of a terminal; `states` are by stage's name."""
    depth = depths({box.name: box.before for box in found})
    said = {box.name: of_box(box, states) for box in found}
    stage, state = (max(map(len, column)) for column in zip(*_cells(found, said), strict=True))
    before = -1
    for box in sorted(found, key=lambda box: depth[box.name]):
        own = said[box.name]
        after = f"after {', '.join(box.before)}" if box.before else ""
        because = _because(own.why) if own.state != "waiting" else ""
        margin = 4 + stage + 2 + state + 2
        wrapped = textwrap.wrap("; ".join(filter(None, (after, because))), max(WIDTH - margin, 30)) or [""]
        number = "" if depth[box.name] == before else str(depth[box.name] + 1)
        before = depth[box.name]
        coloured = click.style(f"{own.said:{state}}", fg=COLOURS.get(own.state))
        yield f"{number:3} {box.label:{stage}}  {coloured}  {wrapped[0]}".rstrip()
        yield from (" " * margin + line for line in wrapped[1:])
    yield summary(states)


def summary(states: Mapping[str, Standing]) -> str:
    """Return how many stages there are of each state."""
    number = Counter(standing.state for standing in states.values())
    return f"{len(states)} stages: {', '.join(f'{number[state]} {state}' for state in MEANING if number[state])}"


def _cells(found: Sequence[Box], said: Mapping[str, Standing]) -> Iterator[tuple[str, str]]:
    yield "stage", "state"
    yield from ((box.label, said[box.name].said) for box in found)


def _because(why: Sequence[str]) -> str:
    more = f", and {len(why) - _REASONS} more" if len(why) > _REASONS else ""
    return f"{', '.join(why[:_REASONS])}{more}"
