"""A request that is not answered, and why."""

import contextvars
from collections.abc import Mapping, Sequence

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
"""The id of the request that is being answered."""


class Refused(Exception):
    """A request that the caller must change: its HTTP `status`, one line for the caller, and more `headers`.

    The line names what was found and what is expected, and never a path of the server. `kind` is one of
    `metrics.ERRORS`: if nothing is said, the caller's, or from 500 on the server's own.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None, kind: str = "") -> None:
        super().__init__(line)
        self.status = status
        self.kind = kind or ("caller" if status < 500 else "fault")
        self.headers = dict(headers or {})


def shown(value: object, most: int = 60) -> str:
    """Returns a value of a request for an error: on one line, and cut where it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= most else text[:most] + "..."


def some(names: Sequence[str], most: int = 12) -> str:
    """Returns the first of the names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def one_line(text: str, most: int = 300) -> str:
    """Returns what is said of a value that came in a request on one line of ASCII, cut where it is long."""
    plain = "".join(one if one.isprintable() else " " for one in text).encode("ascii", "backslashreplace").decode()
    return plain if len(plain) <= most else plain[:most] + "..."


def wrong(row: int, column: str, found: object, expected: str) -> Refused:
    """Returns the refusal of a value; `row` is counted from 0, and told from 1."""
    return Refused(422, f"row {row + 1}, column {column}: found {shown(found)}, expected {expected}")
