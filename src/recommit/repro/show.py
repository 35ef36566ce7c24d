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
        self._warnings: list[str] = []
        self._last: list[str] = []  # what DVC said since it came to the stage that it is at
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

    def again(self, name: str, changed: Sequence[str]) -> None:
        """Stage `name`, which ran ahead of DVC, runs again, because of what changed meanwhile."""
        self._console.print(f"{name} runs again, because this changed meanwhile: {', '.join(changed)}", **AS_IT_IS)

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
            self._last = []
            self.unchanged(match[1])
            return match[1]
        if match := _RUNNING.match(line):
            self._last, done = [], self.passed()
            self._of_dvc = (match[1], time.monotonic())
            return done
        elif line.startswith("Updating lock file"):
            self._last = []
            return self.passed()
        elif line.startswith("WARNING"):
            self._warnings.append(line)
        else:
            self._last.append(line)
        return None

    def begins(self, source: str) -> None:
        """Say before the first stage runs how long all of them take, by durations from a `source`."""
        told = "how long they take is known once they have run here"
        if self._can_tell():
            told = f"{in_words(self.left())} if all have to run, by {source}"
        self._console.print(f"{len(self._names)} stages: {told}", **AS_IT_IS)

    def _can_tell(self) -> bool:
        """Whether it is known of most stages how long they take."""
        return len({*self._names} & {*self.seconds}) >= len(self._names) / 2

    def left(self) -> float:
        """How many seconds the stages that are still to run take, by earlier durations."""
        to_come = {*self._names} - {*self.ran} - self._unchanged - {*self.failed}
        now = time.monotonic()
        rest = {name: self.seconds.get(name, UNKNOWN) for name in to_come}
        for name, (started, _) in self._running.items():
            rest[name] = max(rest.get(name, UNKNOWN) - (now - started), 0.0)
        return max(sum(rest.values()) / self._jobs, max(rest.values(), default=0.0))

    def passed(self) -> str | None:
        """The stage that DVC was at is done: DVC says so, goes on to the next one, or has ended well."""
        if self._of_dvc is None:
            return None
        (name, started), self._of_dvc = self._of_dvc, None
        if name not in self.ran:
            self.done(name, 0, time.monotonic() - started)
        return name

    def complaints(self, status: int) -> str:
        """What DVC warned of, and where it ended with a `status` other than 0, why.

        That is all that it said of the stage that it was at, as the stage's own words; those of a stage that failed
        ahead of DVC are shown already, and only what DVC says of it is left.
        """
        last = self._last if status else []
        if self.failed:
            last = last[next((place for place, line in enumerate(last) if line.startswith("ERROR")), len(last)) :]
        return "".join([*self._warnings, *last])

    def _now(self) -> Text:
        count, now = len({*self.ran, *self._unchanged}), time.monotonic()
        left = f", {in_words(self.left())} left" if self._can_tell() else ""
        lines = [f"{count} of {len(self._names)} stages{left}"]
        for name, (started, cell) in self._running.items():
            lines.append(f"  {name}  {cell}  {now - started:.0f} s")
        return Text("\n".join(lines))


def in_words(seconds: float) -> str:
    """A duration for a person: 40 s, 3 min."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {max(round(seconds, -1), 10):.0f} s"
