"""Whether a version that comes back still fits the features that this project computes now."""

from collections.abc import Collection
from pathlib import Path

from recommit import Refusal
from recommit.evidence.files import read
from recommit.evidence.stages import Features
from recommit.project.git import git
from recommit.registry.objections import FEATURES

_CODE = (":(glob)src/**/*.py", ":(exclude)src/recommit")
"""The problem's modules. The machinery is left out, because it knows nothing of features."""


def changed_code(root: Path, tag: str, commit: str, inputs: Collection[str]) -> tuple[str, ...] | None:
    """Returns the problem's modules at `commit` that are different now; None where no evidence lists the features.

    Modules that are new since `commit` are left out, since they could not be brought back from it. `inputs` are the
    columns that the model of the version `tag` needs. Raises Refusal where one of them is no feature any more.
    """
    try:
        known = {feature.name for feature in read(root / FEATURES, Features).features}
    except Refusal:
        return None
    different = ("diff", "--name-only", "--no-renames", "--diff-filter=a", "--relative", "-z", commit, "--", *_CODE)
    changed = tuple(filter(None, git(root, *different).split("\0")))
    if missing := sorted(set(inputs) - known):
        back = f"`git checkout {tag} -- {' '.join(changed)}`, " if changed else ""
        raise Refusal(
            f"{tag} needs {', '.join(missing)}, and {FEATURES} lists no such feature: bring its features back first: "
            f"{back}`dvc repro`, then commit"
        )
    return changed
