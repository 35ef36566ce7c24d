"""The order of all tests, and what whole runs showed, printed at their end."""

from typing import Any

import pytest

HEAD = "| answer | split | stages that ran | decision | because of |\n| --- | --- | --- | --- | --- |"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests that run commands first: then no long one is the last, and both workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Calls a case by its argument's name where its bytes are no text: packed bytes may hold the second they were made.

    The workers of pytest-xdist collect the tests each for itself, and must find the same names.
    """
    return argname if isinstance(val, bytes) and not val.isascii() else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the table of the nine kinds of projects that test_nine.py made."""
    reports = terminalreporter.stats.get("passed", [])
    rows = sorted(value for report in reports for name, value in report.user_properties if name == "nine")
    if rows:
        terminalreporter.write_line("\n".join(["", HEAD, *rows]))
