"""Where the table of a new project comes from: a file, a URL, or a query of a database. DVC brings it and keeps it."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from recommit import Refusal
from recommit.project.dvc import dvc
from recommit.rawtable.read import ENDINGS

FOLDER = "data/source"
"""Where a project keeps the table that it was begun with."""
CONNECTION = "source"
"""What DVC's configuration calls the database."""
_DATABASES = ("sqlite", "postgres", "mysql", "mariadb", "mssql", "oracle", "duckdb", "snowflake", "bigquery")
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Source:
    """A table's origin: `where` is the path of a file, a URL, or the URL of a database that `query` (SQL) is put to."""

    where: str
    query: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine."""
        return "://" not in self.where

    def name_in(self, project: str) -> str:
        """Returns the table's file name in a project of that name: its own where that is plain and says what it is."""
        own = PurePosixPath(urlsplit(self.where).path if "://" in self.where else self.where)
        if not self.query and re.fullmatch(r"[\w.-]+", own.name, re.ASCII) and own.name.lower().endswith(ENDINGS):
            return own.name
        return project + ("".join(own.suffixes[-2:]).lower() if self.is_file else ".csv")

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """The table as a file to look at. Raises Refusal where it cannot be had, or would not be the same twice."""
        if self.is_file:
            if self.query:
                raise Refusal(
                    f"--query is put to a database, and {self.where} is a file: name one, as sqlite:///shop.db"
                )
            yield Path(self.where)
            return
        self._refuse()
        with TemporaryDirectory() as place:
            Path(place, ".dvc").mkdir()
            Path(place, ".dvc/config").write_text(
                "[core]\n    analytics = false\n    no_scm = true\n", encoding="utf-8"
            )
            name = self.name_in("table")
            self.bring(Path(place), name)
            table = Path(place, FOLDER, name)
            try:
                yield table
            except Refusal as refusal:
                raise Refusal(str(refusal).replace(str(table), self.shown), refusal.status) from None

    def bring(self, project: Path, name: str) -> None:
        """Has DVC put the table into `project` as data/source/`name`, with its hash and where it came from.

        The URL of a database, which may hold a password, goes into .dvc/config.local, which Git never sees. Raises
        Refusal where DVC fails.
        """
        to = f"{FOLDER}/{name}"
        (project / to).parent.mkdir(parents=True, exist_ok=True)
        if self.is_file:
            shutil.copyfile(self.where, project / to)
            self._dvc(project, "add", "--quiet", to)
        elif self.query:
            self._dvc(project, "config", "--local", f"db.{CONNECTION}.url", self._database)
            self._dvc(project, "import-db", "--sql", self.query, "--conn", CONNECTION, "--out", to)
        else:
            self._dvc(project, "import-url", self.where, to)

    @property
    def _database(self) -> str:
        """The database's URL; of SQLite, with the whole path of its file."""
        where = re.sub("^postgres://", "postgresql://", self.where)
        return f"{_SQLITE}{Path(where.removeprefix(_SQLITE)).absolute()}" if where.startswith(_SQLITE) else where

    def _refuse(self) -> None:
        """Raises Refusal for what would fail later, or could not be had again."""
        if not self.query:
            if self.where.startswith(_DATABASES):
                raise Refusal(f"{self.shown} is a database: add --query and a file with the SQL that gives the table")
            if urlsplit(self.where).password:
                raise Refusal(f"{self.shown} has a password, which DVC would write into a file of Git: leave it out")
            return
        if not re.search(r"\border\s+by\b", self.query, re.IGNORECASE):
            raise Refusal("the query does not say in which order rows come: end it with ORDER BY and the key's column")
        if find_spec("sqlalchemy") is None:
            raise Refusal("a query needs SQLAlchemy, which is not in this environment: `make .venv/sql.stamp` adds it")
        if self._database.startswith(_SQLITE) and not Path(self._database.removeprefix(_SQLITE)).is_file():
            raise Refusal(f"{self.where}: there is no such file")

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:...@", self.where)

    def _dvc(self, project: Path, *words: str) -> None:
        result = dvc(project, Path(sys.executable).parent, *words)
        if result.returncode:
            said = [line for line in result.stderr.splitlines() if line.startswith("ERROR: ")] or ["no reason given"]
            reason = said[-1].removeprefix("ERROR: ").removeprefix("unexpected error - ")
            raise Refusal(f"`dvc {words[0]}` failed for {self.shown}: {reason}")
