"""Finds out why a replay gave another result: varies nothing, then halves what was varied until one thing is left."""

from collections.abc import Callable, Mapping, Sequence

from recommit.proof.sandbox import Outcome
from recommit.proof.variations import SEEDED, Variation

Replay = Callable[[Sequence[Variation]], Outcome]
"""Replays the stage with these variations."""


def diagnose(replay: Replay, varied: Sequence[Variation], broken: Outcome, recorded: Mapping[str, str]) -> str:
    """Returns in words which one of `varied` changes what the stage gives, or that none does.

    `broken` is what the stage gave with all of them, `recorded` the hash of each out. This costs two replays, and then
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
    """Returns why two replays with nothing varied differ: seeding the random number generators tells."""
    if replay([SEEDED]).digest == replay([SEEDED]).digest:
        return "unseeded randomness: replays with nothing varied differ, seeded they do not"
    return "the wall clock or the system's entropy: replays with nothing varied differ, even seeded"


def _constant(outcome: Outcome, recorded: Mapping[str, str]) -> str:
    if outcome.status:
        return "it fails here, whatever is varied"
    if outcome.outs == recorded:
        return "it did not come back once, and did in every further replay: a rare race, or the machine"
    return (
        "nothing that was varied matters, and the recorded result is not what this commit's code gives here: it was "
        "made on another kind of machine, by another environment, at its own path or date; or it was edited or forged"
    )
