"""Finds out why a replay gave another result: varies nothing, then halves the variations until one is left."""

from collections.abc import Callable, Mapping, Sequence

from recommit.proof.sandbox import Outcome
from recommit.proof.variations import SEEDED, Variation

Replay = Callable[[Sequence[Variation]], Outcome]
"""Called with variations: replays the stage with them."""


def diagnose(replay: Replay, varied: Sequence[Variation], broken: Outcome, recorded: Mapping[str, str]) -> str:
    """Returns in words which one of `varied` changes the results of the stage, or that none does.

    `broken` is the outcome with all of them, `recorded` maps each out to its hash. This takes two replays, and then
    about log2 of the number of variations.
    """
    first, again = replay(()), replay(())
    if first.digest != again.digest:
        return _unstable(replay)
    low, high = 0, len(varied)
    if broken.digest == first.digest:
        return _constant(first, recorded)
    while high - low > 1:
        middle = (low + high) // 2
        if replay(varied[:middle]).digest == first.digest:
            low = middle
        else:
            high = middle
    if high == len(varied) and replay(varied).digest == first.digest:
        return _constant(first, recorded)
    return varied[high - 1].cause


def _unstable(replay: Replay) -> str:
    """Returns why two replays with nothing varied differ: if seeded ones do not, it is randomness."""
    if replay([SEEDED]).digest == replay([SEEDED]).digest:
        return "unseeded randomness: replays with nothing varied differ, seeded they do not"
    return "the wall clock or the system's entropy: replays with nothing varied differ, even seeded"


def _constant(outcome: Outcome, recorded: Mapping[str, str]) -> str:
    if outcome.status:
        return "it fails here, whatever is varied"
    if outcome.outs == recorded:
        return "it came back in every further replay: a rare race condition, or a fault of the machine"
    return (
        "no variation matters: this commit's code gives another result here. The recorded one was made on another kind "
        "of machine, in another environment, at another path or date; or it was edited or forged"
    )
