"""Read files that nobody vouches for: whole, bounded, and only if they are plain files."""

import hashlib
import os
import re
import stat
from pathlib import Path

from recommit import Refusal

# A file of a DVC cache, whose name is its contents' hash.
_CACHED = re.compile(r"/files/md5/([0-9a-f]{2})/([0-9a-f]{30})$")


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most `most` bytes.

    A link is followed into a DVC cache only, as `cache.type symlink` makes them: what is read must be what its name
    there says. Raises Refusal for any other link, and for a file that is missing, no plain file, or larger: of that, no
    more is read.
    """
    link = os.readlink(path) if path.is_symlink() else ""
    cached = _CACHED.search(link)
    if link and not cached:
        raise Refusal(
            f"{path} is a link to {link}, and only links into a DVC cache are followed: put the file itself there"
        )
    try:
        # Without waiting: opening a pipe would otherwise wait for a writer for ever.
        descriptor = os.open(path.parent / link if link else path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: take the folder whole, with `dvc checkout` or `dvc pull`") from None
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Refusal(f"{path} is no plain file")
    with open(descriptor, "rb") as file:
        content = file.read(most + 1) if about.st_size <= most else b""
    if about.st_size > most or len(content) > most:
        raise Refusal(f"{path} has {max(about.st_size, len(content)):,} bytes, and at most {most:,} are read")
    if cached and hashlib.md5(content, usedforsecurity=False).hexdigest() != cached[1] + cached[2]:
        raise Refusal(
            f"{path} is a link to {link}, which was changed: delete that one, then `dvc checkout` or `dvc pull`"
        )
    return content


def demand(fits: bool, words: str) -> None:
    """Raise ValueError with `words`, which say what was found, unless `fits`."""
    if not fits:
        raise ValueError(words)


def reason(error: Exception) -> str:
    """Why something failed, in a line that a terminal can show whatever was in the file."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 300 else f"{line[:297]}..."


def sha256(content: bytes) -> str:
    """The hash of a content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str:
    """The hash of a file of any size, in hexadecimal digits. Raises FileNotFoundError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
