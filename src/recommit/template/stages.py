"""The stages of a new project: those of the machinery's own pipeline, with a beginning of the project's own."""

import re

_STAGE = re.compile(r"^  (\w+):\n", re.MULTILINE)
_DEPS = re.compile(r"^    deps:\n(?:      .*\n)*", re.MULTILINE)
_OF_TIME = ("quality", "staleness", "point_in_time", "outcome", "monitor")
"""Stages that exist only where rows have a time: elsewhere there are no periods to compare."""


def stages_of(pipeline: str, own: str, time: bool) -> str:
    """Returns dvc.yaml of a project; the deps, but for the table itself, are left to `recommit check --fix`.

    `pipeline` is dvc.yaml of the machinery's repository. `own` holds what a project has instead, in the same form: the
    stages ingest and explore, and the artifact. `time`: rows have a time; else the stages that need one are left out.
    """
    head, stages, _ = _parts(_DEPS.sub("", pipeline))
    _, mine, tail = _parts(own)
    left_out = () if time else _OF_TIME
    kept = {name: mine.get(name, text) for name, text in stages.items() if name not in left_out}
    return head + "".join(f"{text.rstrip()}\n" for text in kept.values()) + "\n" + tail


def _parts(text: str) -> tuple[str, dict[str, str], str]:
    """What stands before the stages, each stage by name as it is written, and what follows them."""
    begin = text.index("stages:\n") + len("stages:\n")
    end = text.index("\nartifacts:\n") + 1
    head, body, tail = text[:begin], text[begin:end], text[end:]
    found = list(_STAGE.finditer(body))
    ends = [match.start() for match in found[1:]] + [len(body)]
    return head, {match[1]: body[match.start() : last] for match, last in zip(found, ends, strict=True)}, tail
