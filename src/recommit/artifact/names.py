"""The names that a model file keeps for what it computes, so that no column of a table can have them."""

from collections.abc import Iterable

KEPT, BEGINNINGS = ("label", "probabilities", "variable", "uncalibrated"), ("calibration_", "golden_")


def refuse_kept(names: Iterable[str]) -> None:
    """Raise ValueError, one line, for a name that a model's input cannot have."""
    if kept := [name for name in names if name in KEPT or name.startswith(BEGINNINGS)]:
        raise ValueError(
            f"the column {kept[0]} has a name that a model file keeps for itself, as {', '.join(KEPT)} and what begins "
            f"with {' or '.join(BEGINNINGS)}: rename it"
        )
