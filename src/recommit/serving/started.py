"""The model that a new worker begins with: that of the others, whatever the files of the project have become since."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from recommit import Refusal
from recommit.batch.scorer import Scorer, load_scorer
from recommit.registry.entry import FILES

_NAME = "served"


@dataclass(frozen=True)
class Started:
    """The model in `folder`, its version, and the hash of its file."""

    folder: str
    version: str
    sha256: str

    @classmethod
    def of(cls, scorer: Scorer) -> "Started":
        """Returns what names a model."""
        return cls(str(scorer.folder), scorer.version, scorer.sha256)

    @classmethod
    def copied(cls, scorer: Scorer, board: Path, name: str = "model") -> "Started":
        """Returns what names a copy in the folder `board`/`name` of a model whose own folder may change."""
        (board / name).mkdir()
        for file in FILES:
            shutil.copyfile(scorer.folder / file, board / name / file)
        return cls(str(board / name), scorer.version, scorer.sha256)

    def write(self, board: Path | None) -> None:
        """Tell workers that begin from now on, by a file in `board`."""
        if board is not None:
            new = board / f"{os.getpid()}.{_NAME}.new"
            new.write_text(json.dumps(asdict(self)))
            new.replace(board / _NAME)

    def scorer(self) -> Scorer:
        """Returns the model. Raises `Refusal` where it is not in order, or another one."""
        found = load_scorer(Path(self.folder), self.version)
        if found.sha256 != self.sha256:
            raise Refusal("the model has changed since the server began: begin it anew")
        return found


def read_started(board: Path | None) -> Started | None:
    """Returns the model that a worker has taken up last, or None."""
    if board is not None:
        with suppress(FileNotFoundError):
            return Started(**json.loads((board / _NAME).read_text()))
    return None
