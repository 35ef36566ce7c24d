"""The machinery: runs notebooks as stages, judges models, and knows nothing of any data set."""


class Refusal(Exception):
    """Something the user must change. Its text goes to the terminal as it is; the first line says what, where, why.

    `status` is the exit status: 1 when a result says no, 2 when the command could not start.
    """

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


class Line(Refusal):
    """A refusal of what a cell asks for: a notebook shows its line alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """Returns the lines that IPython shows."""
        return [f"recommit: {self}"]
