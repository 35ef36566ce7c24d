"""Runs first in every Python of a sandbox, where a copy of this module, with calls added, is `sitecustomize`."""

import contextlib
import os
from typing import Any


def reverse_folders() -> None:
    """Makes `os.listdir` and `os.scandir`, and so glob and pathlib, list names in reverse order."""
    listdir, scandir = os.listdir, os.scandir

    class Reversed(contextlib.ExitStack):
        def __init__(self, path: Any = None) -> None:
            super().__init__()
            with scandir(path) as found:
                self._entries = reversed(list(found))

        def __iter__(self) -> "Reversed":
            return self

        def __next__(self) -> os.DirEntry:
            return next(self._entries)

    os.listdir = lambda path=None: listdir(path)[::-1]  # type: ignore[assignment]
    os.scandir = Reversed  # type: ignore[assignment]


def count_one_cpu() -> None:
    """Makes Python count one CPU, as the process's affinity does."""
    os.cpu_count = lambda: 1


def seed_generators() -> None:
    """Makes the generators of Python and numpy start from a seed where the code gives none."""
    import random
    import secrets

    class Seeded(random.Random):
        def __init__(self, seed: Any = 0) -> None:
            super().__init__(0 if seed is None else seed)

    random.seed(0)
    random.Random = Seeded  # type: ignore[assignment, misc]
    secrets.randbits = Seeded().getrandbits  # type: ignore[assignment]  # numpy takes its entropy from here
