"""Boxes stand in columns by depth; few lines cross, and nothing lies upon anything else."""

import random

from recommit.graph.boxes import boxes, transitive_reduction
from recommit.graph.layout import crossings, layout
from recommit.project.pipeline import Stage

DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}


def stage(name: str, deps: str = "", outs: str = "") -> Stage:
    return Stage(name, "echo", deps=tuple(deps.split()), outs=tuple(outs.split()))


def placed(before: dict[str, tuple[str, ...]], wanted: float = 600):
    return layout(before, dict.fromkeys(before, 60), height=20, gap=6, wanted=wanted)


def test_a_line_that_a_longer_way_replaces_is_left_out() -> None:
    assert transitive_reduction({"a": set(), "b": {"a"}, "c": {"a", "b"}}) == {"a": set(), "b": {"a"}, "c": {"b"}}


def test_all_items_of_a_matrix_are_one_box_with_their_number() -> None:
    found = boxes([stage("fit@a", outs="fits/a"), stage("fit@b", outs="fits/b"), stage("choose", deps="fits")])
    assert [(box.label, box.before) for box in found] == [("fit ×2", ()), ("choose", ("fit",))]


def test_a_stage_that_reads_a_file_in_an_out_follows_its_maker() -> None:
    found = boxes([stage("read", deps="data/x/y.csv"), stage("make", outs="data/x")])
    assert [box.before for box in found] == [("make",), ()]


def test_columns_are_by_the_longest_way() -> None:
    places = placed({**DIAMOND, "e": ("d", "a")}).boxes
    assert places["a"].x < places["b"].x == places["c"].x < places["d"].x < places["e"].x


def test_lines_that_need_not_cross_do_not() -> None:
    """In the declared order, a to y and b to x would cross, and c to z both."""
    before = {"a": (), "b": (), "c": (), "z": ("c",), "x": ("b",), "y": ("a",), "end": ("x", "y", "z")}
    ends = placed(before).lines
    heights = sorted((source.y, target.y) for source, target in ends if source.x < 100)
    assert [target for _, target in heights] == sorted(target for _, target in heights)


def test_a_crossing_is_counted() -> None:
    left, right = [("a", 0), ("b", 0)], [("c", 1), ("d", 1)]
    assert crossings([left, right], [(left[0], right[1]), (left[1], right[0])]) == 1
    assert crossings([left, right], [(left[0], right[0]), (left[1], right[1])]) == 0


def test_in_any_pipeline_nothing_overlaps_and_all_is_inside() -> None:
    draw = random.Random(7)
    for _ in range(20):
        names = [f"s{number}" for number in range(draw.randint(1, 14))]
        before = {
            name: tuple(other for other in names[:place] if draw.random() < 0.25) for place, name in enumerate(names)
        }
        found = placed(before)
        places = [*found.boxes.values(), *found.lanes]
        for place in places:
            assert place.height / 2 <= place.y <= found.height - place.height / 2
            assert place.width / 2 <= place.x <= found.width - place.width / 2
        for first in found.boxes.values():
            near = [other for other in places if other is not first and other.x == first.x]
            assert all(abs(other.y - first.y) >= (other.height + first.height) / 2 for other in near)


def test_a_pipeline_without_stages_has_no_size() -> None:
    assert (placed({}).width, placed({}).height) == (0, 0)
