"""What a person sees while the pipeline runs: a line for each stage that ended, and on a terminal what runs now."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from recommit.repro.plan import UNKNOWN

AS_IT_IS: Mapping[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
"""How text is printed that is no markup of rich's."""
_RUNNING = re.compile(r"Running stage '(.+?)'")
_SKIPPED = re.compile(r"Stage '(.+?)' didn't change, skipping")
_CELL = re.compile(r"cell (\d+) of (\d+): [\d.]+ s$")


class Show:
    """Shows the runs of the stages `names` on `console`; `seconds` are earlier durations, by the stage's name."""

    def __init__(self, names: Sequence[str], seconds: Mapping[str, float], jobs: int, console: Console) -> None:
        self.seconds = dict(seconds)
        self.failed: list[str] = []
        self.ran: list[str] = []
        self._names, self._jobs, self._console = names, jobs, console
        self._unchanged: set[str] = set()
        self._running: dict[str, tuple[float, str]] = {}
        self._of_dvc: tuple[str, float] | None = None
        self._complaints: list[str] = []
        self.live: Any = nullcontext()
        if console.is_terminal:
            self.live = Live(get_renderable=self._now, console=console, transient=True, refresh_per_second=4)

    def unchanged(self, name: str) -> None:
        """Stage `name` need not run."""
        self._unchanged.add(name)

    def started(self, name: str) -> None:
        """Stage `name` runs from now on."""
        self._running[name] = (time.monotonic(), "")

    def said(self, name: str, line: str) -> None:
        """A running stage said something: which cell has ended, for the most part."""
        if match := _CELL.search(line):
            self._running[name] = (
                self._running[name][0],
                f"cell {min(int(match[1]) + 1, int(match[2]))} of {match[2]}",
            )

    def done(self, name: str, status: int, seconds: float, said: Sequence[str] = ()) -> None:
        """A stage ended with an exit status, after so many seconds."""
        self._running.pop(name, None)
        if status:
            self.failed.append(name)
            self._console.print(f"{name} failed after {seconds:.1f} s", style="bold red", highlight=False)
            self._console.print("".join(line for line in said if not _CELL.search(line)), end="", **AS_IT_IS)
            return
        self.ran.append(name)
        if name in self.failed:  # ahead of DVC, on inputs that changed meanwhile
            self.failed.remove(name)
        restored = any("restored, its declared inputs" in line for line in said)
        if not restored:
            self.seconds[name] = round(seconds, 1)
        count = len({*self.ran, *self._unchanged})
        how = ", restored: it ran on these inputs before" if restored else ""
        self._console.print(f"[{count}/{max(count, len(self._names))}] {name} {seconds:.1f} s{how}", **AS_IT_IS)

    def dvc(self, line: str) -> str | None:
        """Take a line of `dvc repro`'s, which runs by itself what is no notebook; the stage that it says is done."""
        if match := _SKIPPED.match(line):
            self.unchanged(match[1])
            return match[1]
        if match := _RUNNING.match(line):
            self._of_dvc = (match[1], time.monotonic())
        elif line.startswith("Updating lock file") and self._of_dvc:
            (name, started), self._of_dvc = self._of_dvc, None
            if name not in self.ran:
                self.done(name, 0, time.monotonic() - started)
            return name
        elif line.startswith(("ERROR", "WARNING")):
            self._complaints.append(line)
        return None

    def left(self) -> float:
        """How many seconds the stages that are still to run take, by earlier durations."""
        to_come = {*self._names} - {*self.ran} - self._unchanged - {*self.failed}
        now = time.monotonic()
        rest = {name: self.seconds.get(name, UNKNOWN) for name in to_come}
        for name, (started, _) in self._running.items():
            rest[name] = max(rest.get(name, UNKNOWN) - (now - started), 0.0)
        return max(sum(rest.values()) / self._jobs, max(rest.values(), default=0.0))

    def complaints(self) -> str:
        """What DVC warned of, and why it failed."""
        return "".join(self._complaints)

    def _now(self) -> Text:
        count, now = len({*self.ran, *self._unchanged}), time.monotonic()
        lines = [f"{count} of {len(self._names)} stages, {in_words(self.left())} left"]
        for name, (started, cell) in self._running.items():
            lines.append(f"  {name}  {cell}  {now - started:.0f} s")
        return Text("\n".join(lines))


def in_words(seconds: float) -> str:
    """A duration for a person: 40 s, 3 min."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {max(round(seconds, -1), 10):.0f} s"
