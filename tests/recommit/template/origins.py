"""The same table behind a URL and in databases of this machine, for tests of where a project's table comes from."""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest


class _Tagged(SimpleHTTPRequestHandler):
    """Serves files with an ETag, by which DVC sees that one has changed."""

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{hashlib.md5(path.read_bytes()).hexdigest()}"')
        super().end_headers()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # DVC asks for a file's size, and hangs up
            super().copyfile(source, outputfile)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The files of a folder under the URL that is given, while this lasts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Tagged, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def in_sqlite(rows: pd.DataFrame, name: str, file: Path) -> str:
    """Puts rows into a table of a new SQLite database; returns its URL."""
    return _put(rows, name, f"sqlite:///{file}")


@contextmanager
def in_postgresql(rows: pd.DataFrame, name: str) -> Iterator[str]:
    """Starts a PostgreSQL server of its own, on a socket of this machine, with rows in a table; the URL is given."""
    programs = os.pathsep.join([os.environ["PATH"], *sorted(glob.glob("/usr/lib/postgresql/*/bin"))])
    initdb, pg_ctl = (_need(shutil.which(program, path=programs), program) for program in ("initdb", "pg_ctl"))
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # the path of a socket has a hundred letters at most
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if user:
        shutil.chown(folder, user)
    run = partial(subprocess.run, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=120)
    quick = f"-k {folder} -c listen_addresses='' -c fsync=off -c timezone=UTC"
    try:
        run([initdb, "-D", folder / "data", "-U", "me", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"])
        run([pg_ctl, "-D", folder / "data", "-l", folder / "log", "-w", "-o", quick, "start"])
        try:
            yield _put(rows, name, f"postgresql+psycopg://me@/postgres?host={folder}")
        finally:
            run([pg_ctl, "-D", folder / "data", "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _put(rows: pd.DataFrame, name: str, url: str) -> str:
    try:
        import psycopg  # noqa: F401
        from sqlalchemy import create_engine
    except ImportError:
        _need(None, "the extra sql of pyproject.toml")
    engine = create_engine(url)
    with engine.begin() as connection:
        rows.to_sql(name, connection, index=False)
    engine.dispose()
    return url


def _need(found: str | None, what: str) -> str:
    if not found:
        reason = f"{what} is not installed: install/system-packages and locks/dev.txt have it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found
