"""What a request may hold at most, checked before it is parsed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from recommit.serving.refused import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_ALIKE = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes({*range(256)} - {*b"[]{}"})


@dataclass(frozen=True)
class Limits:
    """What a request may hold, and how long it may take; more lets one caller take more from the others."""

    body_bytes: int = 4 * 2**20
    rows: int = 10_000
    depth: int = 8
    """Lists and objects of JSON within one another."""
    header_bytes: int = 16 * 2**10
    """Of the request's line and all its headers."""
    headers: int = 64
    waiting: int = 64
    """Requests for predictions that one worker holds at once; those beyond it get 503."""
    connections: int = 512
    """That one worker has open at once; those beyond it get 503 and are closed."""
    seconds: float = 10.0
    """For the headers to come, for the body to come, and for an answer to be taken."""
    drain_seconds: int = 20
    """For the requests that are there to be answered, when the server is to end."""


async def read(receive: Receive, headers: Mapping[bytes, bytes], limits: Limits) -> bytes:
    """Returns the body of a request. Raises `Refused` when it is too large, too slow, cut short or compressed."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(415, "the body is compressed: send it as it is", {"Accept-Encoding": "identity"})
    said = headers.get(b"content-length", b"")
    if said.isdigit() and int(said[:20]) > limits.body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.seconds):
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body") or message["type"] != "http.request":
                parts = [body]
                while message.get("more_body") and sum(map(len, parts)) <= limits.body_bytes:
                    message = await receive()
                    parts.append(message.get("body", b""))
                body = b"".join(parts)
    except TimeoutError:
        raise Refused(408, f"the body did not come within {limits.seconds:g} s", {"Connection": "close"}) from None
    if message["type"] != "http.request":
        raise Refused(400, "the body was cut short")
    if len(body) > limits.body_bytes:
        raise _too_large(limits)
    return body


def kind_of(headers: Mapping[bytes, bytes], allowed: Sequence[str] = ("application/json",)) -> str:
    """Returns the content type of a body, the first one `allowed` where none is said. Raises `Refused` for another."""
    said = headers.get(b"content-type", b"").decode("latin-1").lower()
    kind, _, more = (part.strip() for part in said.partition(";"))
    if kind not in ("", *allowed) or ("charset" in more and "utf-8" not in more):
        raise Refused(415, f"found another Content-Type, expected {' or '.join(allowed)} in UTF-8")
    return kind or allowed[0]


def parse(body: bytes, limits: Limits) -> Any:
    """Returns the JSON in a body. Raises `Refused` when it is none, nested too deep, or has more objects than rows.

    Of each object, the last value of a name counts.
    """
    if _deeper(body, limits.depth):
        raise Refused(400, f"the JSON is nested deeper than {limits.depth}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        why = f"{error.msg}, line {error.lineno} column {error.colno}" if body.strip() else "it is empty"
        raise Refused(400, f"the body is no JSON: {why}") from None


def _deeper(body: bytes, depth: int) -> bool:
    """Whether lists and objects are nested deeper, outside of texts: by whole passes, since a walk takes too long."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    left = b"".join(plain.split(b'"')[::2]).translate(_ALIKE, _OTHERS)
    for _ in range(depth):
        left = left.replace(b"[]", b"")
        if not left:
            return False
    return b"[]" in left or left.count(b"[") > depth


def refuse_rows(rows: int, limits: Limits) -> None:
    """Raises `Refused` when a request has too many rows, or none."""
    if not rows:
        raise Refused(422, "there are no rows: send one or more")
    if rows > limits.rows:
        raise Refused(413, f"found {rows:,} rows, at most {limits.rows:,} are allowed: send several requests")


def _too_large(limits: Limits) -> Refused:
    return Refused(413, f"the body has more than {limits.body_bytes:,} bytes", {"Connection": "close"})
