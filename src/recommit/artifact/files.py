"""Read files that are not trusted: plain files of bounded size, read whole."""

import hashlib
import os
import re
import stat
from pathlib import Path

from recommit import Refusal

# A file in a DVC cache: its name is the hash of its content.
_CACHED = re.compile(r"/files/md5/([0-9a-f]{2})/([0-9a-f]{30})$")


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of the plain file at `path`, which has at most `most` bytes.

    A link is followed only into a DVC cache, as `cache.type symlink` makes them; the content must have the hash that is
    its name there. Raises Refusal for another link, for a file that is missing or no plain file, and for a larger file,
    which is not read.
    """
    link = os.readlink(path) if path.is_symlink() else ""
    cached = _CACHED.search(link)
    if link and not cached:
        raise Refusal(
            f"{path} is a link to {link}, and only links into a DVC cache are followed: put the file itself there"
        )
    try:
        # O_NONBLOCK, because opening a pipe otherwise waits for a writer for ever.
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
    """Raise ValueError with `words`, which say what was found and what is allowed, unless `fits`."""
    if not fits:
        raise ValueError(words)


def reason(error: Exception) -> str:
    """Return the first line of what `error` says, at most 300 characters of it."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 300 else f"{line[:297]}..."


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, of any size, in hexadecimal digits. Raises FileNotFoundError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
