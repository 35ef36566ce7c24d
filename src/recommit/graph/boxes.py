"""The boxes of the pipeline's picture: one for each stage of dvc.yaml, with all items of its matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recommit.project.pipeline import Stage, makers


@dataclass(frozen=True)
class Box:
    """One stage of dvc.yaml with the items of its matrix, and the names of the boxes `before` it.

    A box is before another if a line leads from it to the other. It is not if a longer way leads there as well.
    """

    name: str
    stages: tuple[Stage, ...]
    before: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name, with the number of items where there are several."""
        return self.name if len(self.stages) == 1 else f"{self.name} \N{MULTIPLICATION SIGN}{len(self.stages)}"

    @property
    def desc(self) -> str:
        """What it does, in a line."""
        return self.stages[0].desc


def boxes(stages: Sequence[Stage]) -> list[Box]:
    """Return the boxes of `stages`, in their order, without the edges that a longer way makes superfluous."""
    items: dict[str, list[Stage]] = {}
    for stage in stages:
        items.setdefault(stage.family, []).append(stage)
    before = {
        name: {maker.partition("@")[0] for stage in own for maker in makers(stage, stages)} - {name}
        for name, own in items.items()
    }
    reduced = transitive_reduction(before)
    return [
        Box(name, tuple(own), tuple(other for other in items if other in reduced[name])) for name, own in items.items()
    ]


def transitive_reduction(before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return `before`, the names before each name, without those that are also before another one of them."""
    above = ancestors(before)
    return {name: own - {far for near in own for far in above[near]} for name, own in before.items()}


def ancestors(before: Mapping[str, set[str]] | Mapping[str, tuple[str, ...]]) -> dict[str, set[str]]:
    """Return all names from which a way leads to each name."""
    found: dict[str, set[str]] = {}

    def of(name: str) -> set[str]:
        if name not in found:
            found[name] = {*before[name]}.union(*(of(other) for other in before[name]))
        return found[name]

    return {name: of(name) for name in before}


def depths(before: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Return the number of steps of the longest way to each name: 0 where nothing is before it."""
    found: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in found:
            found[name] = max((of(other) + 1 for other in before[name]), default=0)
        return found[name]

    return {name: of(name) for name in before}
