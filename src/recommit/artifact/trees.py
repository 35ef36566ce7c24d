"""Check that the trees in a model file are trees, because the runtime walks them unchecked."""

from itertools import groupby
from typing import Any

import numpy as np

from recommit.artifact.files import demand

MOST_DEPTH = 500
"""Splits above a leaf. The runtime walks trees by recursion, so that deeper ones could exhaust its stack."""
_LISTS = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")


def check_trees(node: Any, outputs_called: str, outputs: int) -> None:
    """Check the trees of `node`, a tree ensemble (`recommit.artifact.operators.Node`). Raises ValueError in one line.

    The nodes of each tree must be numbered from 0 in the order of the file, children after parents, and have one
    parent at most. Each split must be on a column that `node` is given, and each weight a finite number at a leaf, for
    one of `outputs`. The names of the weights' attributes begin with `outputs_called`: class or target.
    """
    size = len(node.values("nodes_treeids"))
    trees, ids, modes, columns, values, yes, no = (node.values(f"nodes_{name}", size) for name in _LISTS)
    for name in {"nodes_hitrates", "nodes_missing_value_tracks_true"} & node.attributes.keys():
        node.values(name, size)
    width = len(node.columns)
    demand(all(0 <= column < width for column in columns), f"splits on a column that is none of its {width}")
    demand(not np.isnan(values).any(), "has a threshold that is no number")
    sizes = {tree: len(list(group)) for tree, group in groupby(trees)}
    numbered = [(tree, number) for tree, count in sorted(sizes.items()) for number in range(count)]
    demand(list(zip(trees, ids, strict=True)) == numbered, "has trees whose nodes are not numbered in order")
    above = [0] * size  # the number of splits above each node
    for place, (tree, number, mode) in enumerate(zip(trees, ids, modes, strict=True)):
        for child in (yes[place], no[place]) if mode != b"LEAF" else ():
            demand(number < child < sizes[tree], "has a tree that leads back, or out of itself")
            under = place - number + child
            demand(not above[under], "has a node with two parents")
            above[under] = above[place] + 1
    demand(max(above, default=0) <= MOST_DEPTH, f"has a tree with more than {MOST_DEPTH} splits above a leaf")
    leaves = {key for key, mode in zip(numbered, modes, strict=True) if mode == b"LEAF"}
    weights = len(node.values(f"{outputs_called}_weights"))
    node.finite(f"{outputs_called}_weights", weights)
    tree_of, node_of, output_of = (
        node.values(f"{outputs_called}_{name}", weights) for name in ("treeids", "nodeids", "ids")
    )
    demand(leaves.issuperset(zip(tree_of, node_of, strict=True)), "has weights of a node that is no leaf")
    demand(all(0 <= output < outputs for output in output_of), f"has weights of an output that is none of {outputs}")
