"""`python -m recommit.template WHEEL FOLDER`: fill FOLDER with a project's files, its answers read as JSON from stdin.

`recommit update` runs it with the code of an earlier and of a later wheel, so that each renders its own template.
"""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from recommit.template.answers import Answers
from recommit.template.render import render


def main(wheel: Path, folder: Path) -> None:
    """Write the files of a project that keeps `wheel` into `folder`; an answer of a later version is left out."""
    told: dict[str, Any] = json.load(sys.stdin)
    known: dict[str, Any] = {field.name: told[field.name] for field in fields(Answers) if field.name in told}
    known |= {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    answers = Answers(**known)
    for name, content in render(answers, (wheel.name, wheel.read_bytes())).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
