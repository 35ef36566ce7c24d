"""The ledger of looks: which candidates were judged on which test rows. It is kept in the repository's Git folder.

`recommit run` writes it and `recommit promote` counts its looks. No stage reads it, because a result must not depend on
how often somebody looked.
"""

import fcntl
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from recommit import Refusal

TEST = "reports/evidence/test.json"
"""The evidence of the stage that judges a candidate: a stage with this out looks at the test rows."""
LEDGER = "recommit-looks"
_TEMPORARY = (".dvc", "tmp", "exps")
"""Where DVC runs temporary and queued experiments, each in a Git repository of its own that is deleted at the end."""


@dataclass(frozen=True)
class Look:
    """One look: the MD5 of a `candidate`'s model file, the hash of the test rows' `keys`, and their period.

    What is not known is "". `starts` and `ends` are ISO 8601 with a time zone; rows without a time have neither.
    """

    candidate: str
    keys: str = ""
    starts: str = ""
    ends: str = ""

    def shares_rows(self, other: "Look") -> bool:
        """Returns whether both may share rows: the keys are the same, the periods overlap, or one is not known.

        Rows without a time are drawn from one table: another share or seed may draw some of them again.
        """
        if (self.keys and self.keys == other.keys) or not (self.starts or other.starts):
            return True
        if not (self.starts and other.starts):
            return not (self.keys and other.keys)
        return _instant(self.starts) < _instant(other.ends) and _instant(other.starts) < _instant(self.ends)


def look_in(evidence: bytes) -> Look | None:
    """Returns the look that the bytes of reports/evidence/test.json describe, or None if they are something else."""
    try:
        found = json.loads(evidence)
        period = found["period"]
        look = Look(*map(str, (found["candidate"]["md5"], period.get("keys", ""))))
        if period["starts"] is not None or period["ends"] is not None or not look.keys:
            look = replace(look, starts=str(period["starts"]), ends=str(period["ends"]))
            _instant(look.starts), _instant(look.ends)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return look


def note(folder: Path, outs: Collection[str]) -> None:
    """Appends a look to the ledger if a stage with these `outs` judged a candidate, in the project in `folder`.

    This is done before the results are in place. Raises Refusal if the ledger cannot be written. Outside Git, nothing
    is noted.
    """
    place = git_folder(folder) if TEST in outs else None
    look = look_in((folder / TEST).read_bytes()) if place else None
    if place is None or look is None:
        return
    try:
        _append(place / LEDGER, json.dumps(asdict(look)).encode())
    except OSError as error:
        raise Refusal(
            f"{place / LEDGER} cannot be written ({error.strerror}), and each look at the test is counted there: "
            "give yourself the right to write it",
            1,
        ) from None


def _append(ledger: Path, line: bytes) -> None:
    """Appends `line` in one write. A line that a killed process left unfinished is ended first."""
    descriptor = os.open(ledger, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" * bool(torn) + line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def noted(place: Path) -> list[Look]:
    """Returns the looks in the ledger in the Git folder `place`. An unreadable line is a look at unknown rows."""
    try:
        lines = (place / LEDGER).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [_read(line, number) for number, line in enumerate(lines, start=1) if line.strip()]


def _read(line: str, number: int) -> Look:
    try:
        look = Look(**{name: str(value) for name, value in json.loads(line).items()})
        if look.starts:
            _instant(look.starts), _instant(look.ends)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Look(f"line {number} of {LEDGER}")
    return look


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:  # it cannot be compared with others
        raise ValueError(f"{text} has no time zone")
    return found


def git_folder(folder: Path) -> Path | None:
    """Returns the Git folder that all worktrees of the project's repository share, or None outside Git.

    For a temporary experiment of DVC, this is the Git folder of the repository that started the experiment. It is found
    by the files that gitrepository-layout(5) describes, because a stage must run without Git.
    """
    folder = folder.resolve()
    for above in folder.parents:
        if above.parts[-3:] == _TEMPORARY:
            return git_folder(above.parents[2])
    for above in (folder, *folder.parents):
        found = above / ".git"
        if found.is_file():  # a worktree's, or a submodule's
            found = above / found.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
        if found.is_dir():
            shared = found / "commondir"
            return (found / shared.read_text(encoding="utf-8").strip()).resolve() if shared.is_file() else found
    return None
