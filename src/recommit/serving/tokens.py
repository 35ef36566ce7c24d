"""Who may ask: bearer tokens, of which the server keeps hashes alone."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal

SCOPES = ("read", "predict", "events")
"""`read`: what is served, its documents and its health; `predict`: to ask for predictions; `events`: to tell facts."""
FREE = frozenset({("GET", "/v2/health/live"), ("GET", "/v2/health/ready")})
"""The methods and paths that need no token: those by which a host looks after the server."""
_HASH = re.compile("[0-9a-f]{64}")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Token:
    """A token by its name, the SHA-256 of its text, and what it allows."""

    name: str
    sha256: str
    scopes: frozenset[str]


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Returns the tokens in a file: one per line, as NAME SCOPE[,SCOPE] SHA256; lines that begin with # are notes.

    Raises `Refusal`, which never shows the line, when it cannot be read or a line is of another form.
    """
    try:
        content = path.read_bytes()
        lines = content.decode("ascii").splitlines() if len(content) <= _MOST_BYTES else [""]
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refusal(f"{path} is no file of tokens: it is not ASCII") from None
    found: list[Token] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        scopes = set(words[1].split(",")) if len(words) == 3 else set()
        if not scopes or scopes - {*SCOPES} or not _HASH.fullmatch(words[2]):
            raise Refusal(f"{path}, line {number}: expected NAME SCOPES SHA256, with scopes of {','.join(SCOPES)}")
        if words[0] in {one.name for one in found}:
            raise Refusal(f"{path}, line {number}: {words[0]} is there twice: give each token a name of its own")
        found.append(Token(words[0], words[2], frozenset(scopes)))
    if not found:
        raise Refusal(f"{path} holds no token: nobody could ask anything")
    return tuple(found)


def scopes_of(authorization: bytes | None, tokens: Sequence[Token]) -> frozenset[str] | None:
    """Returns what the header `authorization` allows, or None when it holds no known token.

    It is compared with every token, in a time that does not tell which one is like it.
    """
    kind, _, text = (authorization or b"").partition(b" ")
    asked = hashlib.sha256(text.strip()).hexdigest()
    found: frozenset[str] | None = None
    for token in tokens:
        if hmac.compare_digest(asked, token.sha256):
            found = token.scopes
    return found if kind.lower() == b"bearer" else None
