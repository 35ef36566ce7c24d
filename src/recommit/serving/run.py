"""Runs the server: from the name of a model to processes that answer, until it is told to end."""

import json
import os
import shlex
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.batch.job import refuse_other
from recommit.batch.named import open_scorer
from recommit.problem import load_problem
from recommit.registry.change import PRODUCTION
from recommit.registry.resolve import held, stage_of
from recommit.serving.example import example_row, example_tensors
from recommit.serving.follow import following
from recommit.serving.guard import App
from recommit.serving.hosts.contract import Contract
from recommit.serving.hosts.routes import contract_of
from recommit.serving.known import give_back, opened
from recommit.serving.limits import Limits
from recommit.serving.log import Role
from recommit.serving.meters import prediction_bounds
from recommit.serving.operation import Watched, refuse_golden
from recommit.serving.predictor import Predictor
from recommit.serving.started import Started, read_started
from recommit.serving.tokens import Token, read_tokens

BACKLOG = 512
"""Connections that wait to be taken; more wait longer, fewer are refused sooner."""
STORE = ".recommit/serving/events.db"
"""Where events are kept in a project, if nothing else is said."""
LOADING_SECONDS = 60
"""How long a worker may take to load its model before it counts as hanging."""


@dataclass(frozen=True)
class Request:
    """What is to be served: the project in `root`, its model called `wanted`, where, by how many `workers`.

    Features are computed from the tables in `history` (data/raw) and the events in `store`
    (.recommit/serving/events.db), which also takes those in the file `follow`; unless rows are `features` themselves. A
    row that history does not reach is refused, or `flagged`. A model called `shadow` is asked too, and one called
    `canary` answers a `share` of requests. Under a `host` of others, the contract called `host_contract` holds.
    """

    root: Path
    wanted: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    tokens: Path | None = None
    watched: Watched = field(default_factory=Watched)
    history: Path | None = None
    store: str | None = None
    follow: Path | None = None
    features: bool = False
    flagged: bool = False
    shadow: str | None = None
    canary: str | None = None
    share: float = 0.05
    limits: Limits = field(default_factory=Limits)
    host_contract: str | None = None

    @property
    def contract(self) -> Contract | None:
        """What the host asks, as its variables in this process have it."""
        return contract_of(self.host_contract, os.environ) if self.host_contract else None


def serve(request: Request, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C, then answers what has come, and returns. Says what is served, and how to ask.

    Raises `Refusal` where the model is not in order, the address is taken, or more than this machine could ask without
    a token.
    """
    tokens = _tokens(request)
    predictor = _predictor(request)
    example = example_row(predictor)
    second = _second(request, predictor)
    if request.contract and request.contract.run:
        _refuse_beside(request)
        say(request.contract.told(tokens))
        return request.contract.run(_app(predictor, example, request, tokens, second))
    app = _app(predictor, example, request, tokens, second) if request.workers == 1 else None
    bound = _bound(request.host, request.port)
    from uvicorn import Config, Server

    config = partial(
        Config,
        http=_protocol(request.limits),
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=request.limits.drain_seconds,
        timeout_worker_healthcheck=LOADING_SECONDS,
        workers=request.workers,
        backlog=BACKLOG,
    )
    with bound:
        bound.listen(BACKLOG)
        say(told(predictor, example, _address(bound), request, tokens))
        if app is None:
            with tempfile.TemporaryDirectory(prefix="recommit-serve-") as board:
                watched = replace(request.watched, board=Path(board), bounds=prediction_bounds(predictor))
                first = Started.copied(predictor.scorer, Path(board))
                copies = {role: Started.copied(one.scorer(), Path(board), role) for role, one in second.items()}
                made = partial(of_worker, replace(request, watched=watched), first, copies)
                _in_workers(config(made, factory=True), bound)
            return
        server = Server(config(app))
        # uvicorn sends itself the signal again when it has ended in order: that is no reason to fail.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(server, "should_exit", True))
        server.run(sockets=[bound])


def _refuse_beside(request: Request) -> None:
    """Raises `Refusal` for what works between requests, where a host lets the process run while it answers alone."""
    said: dict[str, object] = {"--follow": request.follow, "--shadow": request.shadow, "--canary": request.canary}
    said |= {"--workers": request.workers if request.workers > 1 else None}
    if needless := [name for name, value in said.items() if value]:
        raise Refusal(
            f"{needless[0]} works between requests, and {request.host_contract} stops the process then: leave it out"
        )


def _tokens(request: Request) -> tuple[Token, ...] | None:
    """Returns who may ask: None is everyone, and nobody, (), but for what a host's contract leaves open."""
    if request.tokens:
        return read_tokens(request.tokens)
    if is_loopback(request.host):
        return None
    if request.contract and request.contract.admits:
        return ()
    raise Refusal(
        f"{request.host} is open to other machines, and no tokens are set: add --tokens FILE, see docs/serve.md, "
        "or leave out --host"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address `host`."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def told(
    predictor: Predictor, example: dict[str, Any] | None, address: str, request: Request, tokens: Any = None
) -> str:
    """Returns what is served, and a line that asks it; under a host's contract also what is open to whom."""
    scorer, base, contract = predictor.scorer, f"http://{address}", request.contract
    path, said = ("/predict", example) if example else (f"/v2/models/{scorer.name}/infer", example_tensors(predictor))
    if contract and contract.read and example:
        path, said = contract.predict, {contract.key: [example]}
    by = f"{request.workers} worker{'s' * (request.workers > 1)}"
    people = "" if request.tokens or tokens == () else f", for people {base}/docs"
    token = ' -H "Authorization: Bearer $TOKEN"' if request.tokens else ""
    body = shlex.quote(json.dumps(said, ensure_ascii=False, separators=(",", ":")))
    return (
        f"{scorer.name} {scorer.version} on {base}{people}; {by}, Ctrl-C ends it\n"
        f"curl -s {base}{path} -H 'Content-Type: application/json'{token} -d {body}"
    ) + (f"\n{contract.told(tokens)}" if contract else "")


def _predictor(request: Request, started: Started | None = None) -> Predictor:
    problem = load_problem(request.root)
    scorer = started.scorer() if started else open_scorer(request.root, request.wanted or _in_production(request.root))
    said: dict[str, object] = {"--history": request.history, "--store": request.store, "--follow": request.follow}
    said |= {"--unheard": request.flagged} | ({} if problem.history else {"--features": request.features})
    if (needless := [name for name, value in said.items() if value]) and (request.features or not problem.history):
        why = "with --features they are sent" if problem.history else f"{problem.name} has none"
        raise Refusal(f"{needless[0]} is for features from history, and {why}: leave it out")
    if request.features or not problem.history:
        return Predictor(problem, scorer)
    refuse_other(problem, scorer)
    history, store = request.history or request.root / "data/raw", request.store or str(request.root / STORE)
    return Predictor(problem, scorer, opened(problem, scorer.folder, history, store), request.flagged)


def _in_production(root: Path) -> str | None:
    """Returns the version that a tag gives the stage `prod`, also if the tree has another; None where it is unsure."""
    try:
        found = held(root, PRODUCTION)
    except Refusal:  # also in an image, where there is no Git
        return None
    return found and found[0]


def _second(request: Request, predictor: Predictor) -> dict[Role, Started]:
    """Returns the models beside the one that is served, by their roles; not that one itself.

    Raises `Refusal` where one is not in order.
    """
    wanted: dict[Role, str | None] = {"shadow": request.shadow, "canary": request.canary}
    found = {role: open_scorer(request.root, name) for role, name in wanted.items() if name is not None}
    for scorer in found.values():
        refuse_golden(predictor.by(scorer))
    return {role: Started.of(one) for role, one in found.items() if one.sha256 != predictor.scorer.sha256}


def _app(
    predictor: Predictor,
    example: Any,
    request: Request,
    tokens: tuple[Token, ...] | None,
    second: Mapping[Role, Started],
) -> App:
    from recommit.serving.app import application
    from recommit.serving.beside import beside
    from recommit.serving.swap import Swap, not_following, swapping

    app = application(predictor, example, request.limits, tokens, request.watched, request.contract)
    if request.follow and predictor.from_history:
        app.operation.during.append(following(predictor.from_history.known, request.follow.absolute()))
    for role, one in second.items():
        beside(app, one.scorer(), role, example, request.limits, request.share, request.watched.board, request.contract)
    if stage := stage_of(request.wanted):
        board = request.watched.board
        try:
            swap = Swap(
                *(app, request.root, stage, example, request.limits, request.contract),
                taken=lambda new: Started.of(new).write(board),
            )
            app.operation.during.append(swapping(swap))
        except Refusal as refusal:  # there is no clone, as in an image: then the model stays the one that it is
            app.operation.during.append(not_following(app.operation, stage, refusal))
    app.operation.begin()
    give_back()
    return app


def of_worker(request: Request, first: Started, second: Mapping[Role, Started] | None = None) -> App:
    """Returns the application in a process of its own: with the model that was taken up last, `first` at the begin.

    It ends where that is not the same model any more. The whole server ends then, because another worker would fail in
    the same way.
    """
    from uvicorn.config import STARTUP_FAILURE

    try:
        predictor = _predictor(request, read_started(request.watched.board) or first)
        tokens = _tokens(request)
        _protocol(request.limits)
        return _app(predictor, example_row(predictor), request, tokens, second or {})
    except Refusal as refusal:
        print(f"recommit: {refusal}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)


def _protocol(limits: Limits) -> type:
    from recommit.serving.protocol import Bounded

    Bounded.limits = limits
    return Bounded


def _in_workers(config: Any, bound: socket.socket) -> None:
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    bound.set_inheritable(True)
    workers = Multiprocess(config, sockets=[bound])
    workers.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in workers.processes):
        raise Refusal("a worker could not begin: the server has ended", 1)


def _bound(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to the address. Raises `Refusal` where that cannot be."""
    try:
        kind, how, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(kind, how, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise Refusal(f"{host}:{port} cannot be bound: {error.strerror}: name another with --host or --port") from None
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
