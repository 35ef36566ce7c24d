"""What a host asks a server, in the host's own form: which paths, which rows, which answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from starlette.responses import Response

from recommit import Refusal
from recommit.artifact.load import MODEL
from recommit.serving.fields import Field
from recommit.serving.limits import Limits
from recommit.serving.tokens import FREE

JSON, CSV = "application/json", "text/csv"
ANYWHERE = "0.0.0.0"


@dataclass(frozen=True)
class Asked:
    """A request for predictions: its body of the content type `kind`, and which type of answer it would `accept`.

    `fields` are those of a row, `outputs` the names of the columns of a prediction.
    """

    body: bytes
    kind: str
    accept: str
    fields: tuple[Field, ...]
    outputs: tuple[str, ...]
    limits: Limits

    @property
    def names(self) -> list[str]:
        """The columns of a row that is a list of values, in its order."""
        return [one.name for one in self.fields if one.needed]


Found = list[dict[str, Any]]
"""Answers to rows, as POST /predict tells them."""
Read = tuple[list[Any], Callable[[Found], Response]]
"""Rows as POST /predict takes them, and what writes the answers in the form that the request asks for."""


@dataclass(frozen=True)
class Place:
    """Where a server listens under a host, and which folder holds the model, if nothing else is said."""

    host: str = "127.0.0.1"
    port: int = 8080
    model: str | None = None


@dataclass(frozen=True)
class Contract:
    """One host's paths. `read` translates what comes to the path `predict`, in one of the content types `kinds`.

    By the `health` paths the host looks after the server: they need no token. Where the host `admits` callers itself,
    and forwards no token of theirs, `predict` needs none either, unless tokens are set. {`key`: rows} is a body that it
    takes. `texts` are answered by GET. `error` gives an error in the host's form, with its status; None is
    {"error": line}. Where the host does not ask over HTTP, `run` answers it by the application. A host that has no path
    `predict` of its own asks by those that are there anyway.
    """

    name: str
    predict: str = ""
    health: tuple[str, ...] = ()
    read: Callable[[Asked], Read] | None = None
    kinds: tuple[str, ...] = (JSON,)
    key: str = "instances"
    admits: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    error: Callable[[int, str], tuple[int, Any]] | None = None
    place: Place = Place()
    run: Callable[[Any], None] | None = None

    def free(self, tokens: Sequence[object] | None) -> frozenset[tuple[str, str]]:
        """Returns the methods and paths that need no token, where these `tokens` are set."""
        asked = {("POST", self.predict)} if self.admits and self.predict and not tokens else set()
        return FREE | {("GET", path) for path in self.health} | asked

    def told(self, tokens: Sequence[object] | None) -> str:
        """Returns in a line what is open to whom, where these `tokens` are set; None is everyone's."""
        who = "everyone on this machine may ask"
        if tokens is not None:
            rest = "all else needs one" if tokens else "all else is shut, since no tokens are set"
            free = [
                *sorted(path for _, path in self.free(tokens)),
                *(["events that the host has authorized"] if self.run else []),
            ]
            who = f"without a token: {', '.join(free)}; {rest}"
        return f"host contract {self.name}: {who}"


def model_in(folder: str) -> str | None:
    """Returns the folder that holds the model which a host put into `folder`, itself or the only one in it.

    None where that holds no file: then the project's own model is served. Raises `Refusal` where it holds others, since
    another model than was meant would be served.
    """
    place = Path(folder)
    if not folder or not any(path.is_file() for path in place.rglob("*")):
        return None
    found = [path.parent for pattern in (MODEL, f"*/{MODEL}") for path in place.glob(pattern)]
    if len(found) != 1:
        raise Refusal(f"{folder} holds {len(found)} models, expected one: {MODEL}, manifest.json and golden.json")
    return str(found[0])


def port_in(environ: Mapping[str, str], name: str) -> int:
    """Returns the port that a host sets by the variable `name`, else 8080. Raises `Refusal` where it is none."""
    said = environ.get(name) or str(Place.port)
    if not (said.isascii() and said.isdecimal() and int(said) < 2**16):
        raise Refusal(f"{name}: found {said!r}, expected a port")
    return int(said)


def server_version() -> str:
    """Returns the version of this server, or "tree" where no installed wheel but a tree runs."""
    try:
        return version("recommit")
    except PackageNotFoundError:
        return "tree"
