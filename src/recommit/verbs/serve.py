"""`recommit serve`: answers requests for predictions over HTTP."""

import os
from pathlib import Path
from typing import Literal

import click

LOG = ".recommit/serving/log"
"""Where predictions are logged, in the project."""


HOSTS = ("sagemaker", "vertex", "azureml", "mlflow", "lambda", "kserve")
"""Whose contracts there are: modules of `recommit.serving.hosts`."""


@click.command(name="serve", context_settings={"auto_envvar_prefix": "RECOMMIT_SERVE"})
@click.option("--model", metavar="MODEL", help="NAME@STAGE, NAME@VERSION, VERSION or a folder; else the champion.")
@click.option("--workers", metavar="N", type=click.IntRange(1, 256), default=1, help="Processes that share the port.")
@click.option("--host", metavar="HOST", help="Where to listen, else 127.0.0.1; beyond loopback with --tokens only.")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65_535), help="0 takes a free one; else 8080.")
@click.option("--host-contract", type=click.Choice(HOSTS), help="Also answer as this host asks; see docs/deploy.md.")
@click.option("--tokens", metavar="FILE", type=click.Path(path_type=Path), help="Hashes of bearer tokens: who may ask.")
@click.option(
    "--log", metavar="FOLDER", type=click.Path(path_type=Path), help=f"Where predictions are logged; else {LOG}."
)
@click.option("--no-log", is_flag=True, help="Log no predictions.")
@click.option("--log-requests", is_flag=True, help="Write a line for every request, not only where the server failed.")
@click.option(
    "--close-log", metavar="TO", type=click.Path(path_type=Path), help="Serve nothing: make tables in TO of the log."
)
@click.option("--history", metavar="FOLDER", type=click.Path(path_type=Path), help="What features are computed from.")
@click.option(
    "--unheard",
    type=click.Choice(["refuse", "flag"]),
    default="refuse",
    help="What becomes of a row that history does not reach, or that contradicts it.",
)
@click.option("--store", metavar="FILE|URL", help="Where events are kept: a file, or redis://HOST.")
@click.option("--follow", metavar="FILE", type=click.Path(path_type=Path), help="JSON lines of events to take.")
@click.option("--shadow", metavar="MODEL", help="A second model whose answers are logged, and given to nobody.")
@click.option("--canary", metavar="MODEL", help="A second model that answers a share of requests, until it is worse.")
@click.option(
    "--share", type=click.FloatRange(0, 0.5, min_open=True), help="The canary's share of requests; else 0.05."
)
@click.option("--features", is_flag=True, help="Rows of /predict are the model's inputs; no history is read.")
def command(
    model: str | None,
    workers: int,
    host: str | None,
    port: int | None,
    host_contract: str | None,
    tokens: Path | None,
    log: Path | None,
    no_log: bool,
    log_requests: bool,
    close_log: Path | None,
    history: Path | None,
    unheard: Literal["refuse", "flag"],
    store: str | None,
    follow: Path | None,
    shadow: str | None,
    canary: str | None,
    share: float | None,
    features: bool,
) -> None:
    """Answer requests for predictions, until SIGTERM or Ctrl-C; what has come by then is still answered.

    The model is checked and must answer its golden rows as expected before anything is served. POST /predict takes one
    row or a list of them in the problem's own language; /v2 is the Open Inference Protocol; /docs is a page for
    people, /openapi.json the same for programs. A row gets the same bits as by `recommit predict`. It prints what is
    served, and a line that asks it.

    Every prediction is logged before it is answered. --close-log TO makes a parquet file in TO of each file of the log
    that no server writes to any more, and deletes it; servers may run meanwhile.

    Where the problem has a history, features are computed from data/raw, or FOLDER, and from the events that POST
    /events or the followed file told since. They are kept in .recommit/serving/events.db, or FILE, before they are
    acknowledged. Servers on several machines share them in Redis: --store redis://HOST:PORT, or the
    environment variable RECOMMIT_SERVE_STORE, which shows no password to others on the machine.

    --host-contract NAME adds the routes by which a host asks, listens where it expects that, and serves the model that
    it brings. The third line says what is open without a token then. Each option may also be set by a variable, as
    RECOMMIT_SERVE_HOST_CONTRACT.

    Without --model, or with a stage, the version that has the stage is followed: it is taken up while requests come.
    --shadow and --canary name models as --model does, and stay what they are.

    This needs the extra `serve`: `make .venv/serve.stamp`.

    \b
    Example:
      recommit serve --model flights@prod --workers 2 --port 8080
      recommit serve --close-log data/served
    Exit status: 0 ended as it was told to, 2 it could not start.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # a worker has one thread: several workers use several CPUs
    from recommit import Refusal
    from recommit.project.files import root

    idle = {
        "--share is the canary's: name one with --canary": share is not None and canary is None,
        "a shadow's answers are in the log alone: leave out --no-log": shadow is not None and no_log,
        "--log names where is logged: leave out --no-log": log is not None and no_log,
    }
    if why := next((line for line, holds in idle.items() if holds), None):
        raise Refusal(why)
    folder = log or root() / LOG
    try:
        from recommit.serving.hosts.contract import Place
        from recommit.serving.hosts.routes import contract_of
        from recommit.serving.operation import Watched
        from recommit.serving.partition import close_log as tables_of
        from recommit.serving.run import Request, serve
    except ImportError as error:
        raise Refusal(f"{error.name} is not installed: `make .venv/serve.stamp` adds what the server needs") from None
    if close_log:
        made = tables_of(folder, close_log)
        for one in made:
            torn = f"; {one.torn} lines that were cut short, and so not answered, are not in it" if one.torn else ""
            click.echo(f"{one.path}: {one.rows:,} rows{torn}")
        click.echo(f"dvc add {close_log}" if made else f"{folder} holds no log that is not written to")
        return
    watched = Watched(None if no_log else folder, told="all" if log_requests else "errors")
    place = contract_of(host_contract, os.environ).place if host_contract else Place()
    request = Request(
        root(),
        model or place.model,
        host or place.host,
        place.port if port is None else port,
        workers,
        tokens,
        watched,
        history,
        store,
        follow,
        features,
        flagged=unheard == "flag",
        shadow=shadow,
        canary=canary,
        share=0.05 if share is None else share,
        host_contract=host_contract,
    )
    serve(request, say=click.echo)
