"""Proves one stage: replays it, compares each out with the recorded one, and finds the cause of a difference."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from recommit import Refusal
from recommit.project.hashes import files_in
from recommit.project.lock import LockedStage, Recorded
from recommit.project.params import leaves
from recommit.project.pipeline import is_in
from recommit.proof.compare import Comparison, compare
from recommit.proof.compare.comparison import at, first
from recommit.proof.diagnosis import diagnose
from recommit.proof.sandbox import Outcome, Sandbox
from recommit.proof.tolerance import Tolerance
from recommit.proof.variations import Variation, without_file, without_parameter
from recommit.proof.verdict import OutputVerdict, StageVerdict


@dataclass(frozen=True)
class Prover:
    """Replays stages of one commit in `sandbox`, with the variations `varied`, and without undeclared parameters.

    `params` is the commit's params.yaml; `unlike` is true if the environment is not the commit's.
    """

    sandbox: Sandbox
    varied: tuple[Variation, ...]
    tolerance: Tolerance
    params: Mapping[str, Any]
    unlike: bool
    say: Callable[[str], None]

    def prove(self, stage: LockedStage, files: Mapping[str, str], place: Path, cpu: int) -> StageVerdict:
        """Replays `stage` on `files` in the folder `place`, which is removed afterwards, and returns the verdict.

        `cpu` is the processor to run on if only one is to be visible.
        """
        sandbox = replace(self.sandbox, place=place, cpu=cpu)
        varied = [*self.varied, *(without_parameter(key) for key in leaves(self.params) if not _declared(key, stage))]
        started = time.monotonic()
        try:
            outcome = sandbox.run(stage, files, varied)
            seconds = time.monotonic() - started
            outputs = tuple(self._output(out, outcome) for out in stage.outs)
            broken = outcome.status != 0 or any(output.verdict != "identical" for output in outputs)
            looked_for = broken and not outcome.undeclared
            return StageVerdict(
                stage=stage.name,
                outputs=outputs,
                undeclared=outcome.undeclared,
                status=outcome.status,
                said=outcome.said,
                cause=self._cause(sandbox, stage, files, varied, outcome) if looked_for else "",
                seconds=round(seconds, 2),
            )
        except (OSError, Refusal):
            raise
        except Exception as error:  # the other stages must still get their verdicts
            problem = f"verify could not judge it: {type(error).__name__}: {error}"
            return StageVerdict(stage.name, (), problems=(problem,), status=None)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _cause(
        self,
        sandbox: Sandbox,
        stage: LockedStage,
        files: Mapping[str, str],
        varied: Sequence[Variation],
        broken: Outcome,
    ) -> str:
        """Returns what breaks the stage, found by replays with all files of the project, and then with fewer."""
        if self.unlike:
            return "not looked for, because this environment is not the commit's: --rebuild makes the commit's own"
        self.say(f"{stage.name} did not come back: replaying it further, to find what breaks it")
        others = self._undeclared_files(stage, files)

        def replay(changed: Sequence[Variation]) -> Outcome:
            return sandbox.run(stage, {**others, **files}, changed, watching=False)

        recorded = {out.path: out.md5 for out in stage.outs}
        return diagnose(replay, [*varied, *map(without_file, others)], broken, recorded)

    def _output(self, out: Recorded, outcome: Outcome) -> OutputVerdict:
        made, path = outcome.outs.get(out.path), outcome.folder / out.path
        if made is None:
            return OutputVerdict(out.path, "missing", "the replay did not write it", out.md5)
        if made != out.md5:
            found = self._compared(out, path)
            return OutputVerdict(out.path, found.verdict, found.where, out.md5, made)
        if path.is_dir():
            self.sandbox.contents.add_folder(path, out.path, self.sandbox.ignored)
        else:
            self.sandbox.contents.add(path, made)
        return OutputVerdict(out.path, "identical", "", out.md5, made)

    def _compared(self, out: Recorded, path: Path) -> Comparison:
        if out.md5.endswith(".dir"):
            return self._compared_folder(out, path)
        expected = self.sandbox.contents.find(out.md5)
        if expected is not None:
            return compare(out.path, expected, path, self.tolerance, self._table)
        return Comparison(
            "different",
            f"dvc.lock records {out.md5[:8]}; its contents are in no cache and no remote, so it is "
            "not known where they differ",
        )

    def _compared_folder(self, out: Recorded, path: Path) -> Comparison:
        listing = self.sandbox.contents.listing(out.md5)
        if listing is None or not path.is_dir():
            where = f"dvc.lock records {out.md5[:8]}, whose files are neither in the cache nor in a remote"
            return Comparison("different", where)
        made = set(files_in(path, out.path, self.sandbox.ignored))
        for name in sorted(made ^ set(listing)):
            return Comparison("different", f"{name} is {'new' if name in made else 'gone'}")
        return first(
            at(name, self._compared(Recorded(f"{out.path}/{name}", md5), path / name)) for name, md5 in listing.items()
        )

    def _table(self, columns: Sequence[str]) -> pd.DataFrame | None:
        """Returns up to 10,000 rows of a table of this commit that has `columns`, or None."""
        import pyarrow.parquet as parquet

        for stage in self.sandbox.commit.stages:
            for out in stage.outs:
                path = self.sandbox.contents.find(out.md5) if out.path.endswith(".parquet") else None
                if path is not None and set(columns) <= set(parquet.read_schema(path).names):
                    return pd.read_parquet(path, columns=list(columns)).head(10_000)
        return None

    def _undeclared_files(self, stage: LockedStage, files: Mapping[str, str]) -> dict[str, str]:
        """Returns the files that `stage` does not declare, path to hash.

        These are other files of the commit, and the outs of other stages.
        """
        commit, contents = self.sandbox.commit, self.sandbox.contents
        recorded = {out.path: out.md5 for other in commit.stages for out in other.outs} | dict(commit.added)
        ours = {"dvc.yaml", "params.yaml", "dvc.lock", *recorded}
        tracked = (name for name in sorted(commit.files) if name not in ours and (commit.folder / name).is_file())
        found = {name: contents.know(commit.folder / name) for name in tracked if name not in files}
        for path, md5 in recorded.items():
            listing = contents.listing(md5) or {} if md5.endswith(".dir") else {"": md5}
            found |= {f"{path}/{name}".rstrip("/"): hashed for name, hashed in listing.items()}
        own = [out.path for out in stage.outs]
        return {
            name: md5
            for name, md5 in found.items()
            if name not in files and contents.find(md5) and not any(is_in(name, out) for out in own)
        }


def _declared(key: str, stage: LockedStage) -> bool:
    whole = any(dep.path == "params.yaml" for dep in stage.deps)
    return whole or any(key == declared or key.startswith(f"{declared}.") for declared in stage.params)
