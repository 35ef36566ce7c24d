"""What `recommit serve` stands on, with nothing behind it: what its speed in benchmarks/serve.py is compared with.

`/hello` answers before any framework. `/constant` reads the body and answers what never changes; `/parsed` also parses
it. There is no token, no check and no log.

Example: python benchmarks/serve_constant.py 8081
"""

import socket
import sys
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from uvicorn import Config, Server

from recommit.serving.run import BACKLOG

SAID = orjson.dumps({"probability": 0.25, "set": "punctual", "model": "flights", "request_id": "0" * 32})
HEAD = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(SAID))]


async def constant(request: Request) -> Response:
    await request.body()
    return Response(SAID, media_type="application/json")


async def parsed(request: Request) -> Response:
    orjson.loads(await request.body())
    return Response(SAID, media_type="application/json")


ROUTER = Router([Route("/constant", constant, methods=["POST"]), Route("/parsed", parsed, methods=["POST"])])


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope.get("path") != "/hello":
        return await ROUTER(scope, receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": HEAD})
    await send({"type": "http.response.body", "body": SAID})
    return None


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=BACKLOG) as bound:
        config = Config(
            app, http="httptools", loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False
        )
        Server(config).run(sockets=[bound])
