"""Why a replay gave something else: vary nothing, then find by halving what breaks the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recommit.proof.sandbox import Outcome
from recommit.proof.variations import Variation

Replay = Callable[[Sequence[Variation]], Outcome]
"""Replays the stage with these things otherwise."""


@dataclass(frozen=True)
class Cause:
    """What a result depends on although it must not; or that it is simply not what this code gives."""

    kind: str
    words: str


def diagnose(replay: Replay, varied: Sequence[Variation], broken: Outcome, recorded: Mapping[str, str]) -> Cause:
    """Find one of `varied` that changes what the stage gives, or say that none does.

    `broken` is what it gave with all of them, `recorded` are the outs' hashes. Costs two replays, and then about log2
    of the number of variations.
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
    return _named(varied[high - 1])


def _unstable(replay: Replay) -> Cause:
    """Two replays differ by themselves: see whether seeding every generator of random numbers ends that."""
    seeded = [Variation("random numbers", "seeded")]
    if replay(seeded).digest == replay(seeded).digest:
        return Cause("randomness", "unseeded randomness: replays with nothing varied differ, seeded they do not")
    return Cause("clock", "the wall clock or the system's entropy: replays with nothing varied differ, even seeded")


def _constant(outcome: Outcome, recorded: Mapping[str, str]) -> Cause:
    if outcome.status:
        return Cause("failure", "it fails here, whatever is varied")
    if outcome.digest[1] == tuple(sorted(recorded.items())):
        return Cause("once", "it did not come back once, and did in every further replay: a rare race, or the machine")
    return Cause(
        "record",
        "nothing that was varied matters, and the recorded result is not what this commit's code gives here: it was "
        "made on another kind of machine, by another environment, at its own path or date; or it was edited or forged",
    )


def _named(variation: Variation) -> Cause:
    how = {
        "variable": f"the environment variable {variation.how}, which the stage reads and nothing declares",
        "parameter": f"the parameter {variation.how}, which the stage reads and dvc.yaml does not declare",
        "file": f"the file {variation.how}, which the stage reads and dvc.yaml does not declare",
    }
    return Cause(variation.kind, how.get(variation.kind) or f"the {variation.kind} ({variation.how})")
