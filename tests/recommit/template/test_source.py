"""A table from a file, a URL or a database: DVC keeps it with its origin, or a line says why it cannot be had."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from recommit import Refusal
from recommit.project.dvc import dvc
from recommit.project.git import git
from recommit.template.source import Source
from tests.recommit.template.origins import in_postgresql, in_sqlite, served

ROWS = pd.DataFrame({"id": [3, 1, 2], "warm": [0.5, None, 2.25], "left": ["yes", "no", "yes"]})
QUERY = "SELECT * FROM customers ORDER BY id"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project of DVC's and Git's."""
    folder = tmp_path / "project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    git(folder, "init", "--quiet")
    return folder


def test_a_file_is_looked_at_where_it_lies_and_kept_as_a_copy(tmp_path: Path, project: Path) -> None:
    ROWS.to_csv(tmp_path / "customers.csv", index=False)
    source = Source(str(tmp_path / "customers.csv"))
    with source.at_hand() as table:
        assert table == tmp_path / "customers.csv"
    source.bring(project, "customers.csv")
    assert (project / "data/source/customers.csv").read_bytes() == table.read_bytes()


def test_a_url_is_imported_and_a_change_behind_it_is_seen(tmp_path: Path, project: Path) -> None:
    (tmp_path / "web").mkdir()
    ROWS.to_csv(tmp_path / "web/customers.csv", index=False)
    with served(tmp_path / "web") as url:
        source = Source(f"{url}/customers.csv")
        with source.at_hand() as table:
            assert pd.read_csv(table).equals(ROWS)
        source.bring(project, "customers.csv")
        assert f"path: {url}/customers.csv" in (project / "data/source/customers.csv.dvc").read_text()
        ROWS.iloc[:2].to_csv(tmp_path / "web/customers.csv", index=False)
        assert dvc(project, Path(sys.executable).parent, "update", "data/source/customers.csv.dvc").returncode == 0
    assert len(pd.read_csv(project / "data/source/customers.csv")) == 2


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_query_is_imported_and_asked_again_by_an_update(database: str, tmp_path: Path, project: Path) -> None:
    if database == "sqlite":
        _asked(in_sqlite(ROWS, "customers", tmp_path / "shop.db"), project)
    else:
        with in_postgresql(ROWS, "customers") as url:
            _asked(url, project)


def _asked(url: str, project: Path) -> None:
    from sqlalchemy import create_engine, text

    source = Source(url, QUERY)
    with source.at_hand() as table:
        assert table.read_text() == "id,warm,left\n1,,no\n2,2.25,yes\n3,0.5,yes\n"
    source.bring(project, "customers.csv")
    kept = project / "data/source/customers.csv"
    git(project, "add", "--all")
    committed = [(project / name).read_text() for name in git(project, "ls-files").split()]
    assert QUERY in "".join(committed)
    assert url not in "".join(committed)  # it may hold a password
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM customers WHERE id = 2"))
    engine.dispose()
    assert dvc(project, Path(sys.executable).parent, "update", "data/source/customers.csv.dvc").returncode == 0
    assert kept.read_text() == "id,warm,left\n1,,no\n3,0.5,yes\n"


@pytest.mark.parametrize(
    ("where", "query", "said"),
    [
        ("sqlite:///shop.db", "", "--query"),
        ("sqlite:///shop.db", "SELECT * FROM customers", "ORDER BY"),
        ("sqlite:///nosuch.db", QUERY, "there is no such file"),
        ("customers.csv", QUERY, "is a file"),
        ("https://me:secret@shop.example/customers.csv", "", "password"),
        ("http://127.0.0.1:1/customers.csv", "", "dvc import-url"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_line_without_a_password(where: str, query: str, said: str) -> None:
    if "nosuch" in where:
        pytest.importorskip("sqlalchemy")
    with pytest.raises(Refusal, match=said) as refused, Source(where, query).at_hand():
        pass
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_database_that_says_no_is_quoted(tmp_path: Path) -> None:
    url = in_sqlite(ROWS, "customers", tmp_path / "shop.db")
    with (
        pytest.raises(Refusal, match="no such table: nosuch") as refused,
        Source(url, "SELECT * FROM nosuch ORDER BY 1").at_hand(),
    ):
        pass
    assert "\n" not in str(refused.value)


def test_without_the_extra_a_query_names_the_command_that_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommit.template.source.find_spec", lambda _: None)
    with pytest.raises(Refusal, match=r"make \.venv/sql\.stamp"), Source("postgresql://db/shop", QUERY).at_hand():
        pass


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Source("/a/b/customers.csv"), "customers.csv"),
        (Source("/a/b/all customers.csv.gz"), "churn.csv.gz"),
        (Source("https://shop.example/a/customers.parquet?v=2"), "customers.parquet"),
        (Source("https://shop.example/export?id=3"), "churn.csv"),
        (Source("sqlite:///customers.csv", QUERY), "churn.csv"),
    ],
)
def test_the_table_has_a_plain_name_in_the_project(source: Source, name: str) -> None:
    assert source.name_in("churn") == name
