"""Read files that nobody vouches for: whole, bounded, and only if they are plain files."""

import hashlib
import os
import stat
from pathlib import Path

from recommit import Refusal


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most `most` bytes.

    Raises Refusal for a file that is missing, a link or no plain file, or larger: of that, no more is read.
    """
    try:
        # Without waiting: opening a pipe would otherwise wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: take the folder whole, with `dvc checkout` or `dvc pull`") from None
    except OSError as error:
        if path.is_symlink():
            raise Refusal(
                f"{path} is a link, and may lead anywhere: a model's folder holds the files themselves "
                "(with DVC: `dvc config cache.type reflink,copy`)"
            ) from None
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Refusal(f"{path} is no plain file")
    with open(descriptor, "rb") as file:
        content = file.read(most + 1) if about.st_size <= most else b""
    if about.st_size > most or len(content) > most:
        raise Refusal(f"{path} has {max(about.st_size, len(content)):,} bytes, and at most {most:,} are read")
    return content


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
