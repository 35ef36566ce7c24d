"""Gives new data its hash: what DVC imports is updated, and what DVC tracks is recorded as it is now."""

from pathlib import Path

from recommit import Refusal
from recommit.advance.tree import checked, tables
from recommit.project.lock import read_added
from recommit.project.yaml import read_yaml


def bring(root: Path) -> list[str]:
    """Brings new data in, and returns the .dvc files in `root` that changed.

    Imports (`dvc import-url`, `import-db`, `import`) are updated, which asks where they come from. Files of `dvc add`
    are recorded as they are in the tree. Raises Refusal if a source cannot be reached.
    """
    files = tables(root)
    before = {file: (root / file).read_bytes() for file in files}
    imports = [file for file in files if read_yaml(root / file).get("deps")]
    for file in imports:
        try:
            checked(root, "update", "--quiet", file)
        except Refusal as refusal:
            raise Refusal(f"{file}: no new data came: {refusal}") from None
    added = [file for file in files if file not in imports and _is_here(root, file)]
    if added:
        checked(root, "commit", "--quiet", "--force", *added)
    return [file for file in files if (root / file).read_bytes() != before[file]]


def _is_here(root: Path, file: str) -> bool:
    """Returns whether all that `file` tracks is on this machine; else it is as the commit has it."""
    return all((root / path).exists() for path, _ in read_added(root, [file]))
