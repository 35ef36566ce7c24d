"""What whole runs showed, printed at their end."""

from typing import Any

HEAD = "| answer | split | stages that ran | decision | because of |\n| --- | --- | --- | --- | --- |"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the table of the nine kinds of projects that test_nine.py made."""
    reports = terminalreporter.stats.get("passed", [])
    rows = sorted(value for report in reports for name, value in report.user_properties if name == "nine")
    if rows:
        terminalreporter.write_line("\n".join(["", HEAD, *rows]))
