"""Evidence: what a stage found, in a small JSON file that the gate and people read."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_evidence(path: Path, content: Any) -> None:
    """Write a JSON file of `content`, numbers to six significant digits, so that it reads well in a diff."""
    path.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")


def read_evidence(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """The evidence of `folder` by name: what NAME.json holds, or a mapping of what the files of the folder NAME hold.

    Raises ValueError where one is missing or unreadable.
    """
    return {name: _read(folder / name) for name in names}


def md5(path: Path) -> str:
    """The hash of a file as DVC writes it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _read(path: Path) -> Any:
    if path.is_dir():
        return {file.stem: _read(file.with_suffix("")) for file in sorted(path.glob("*.json"))}
    file = path.with_name(f"{path.name}.json")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file} is missing: `dvc repro` makes it") from None
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}): `dvc repro` makes it anew") from None


def _rounded(content: Any) -> Any:
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    return [_rounded(value) for value in content] if isinstance(content, list | tuple) else content
