"""Prove one stage: replay it, compare each out with the recorded one, and find what breaks it."""

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
from recommit.proof.compare import compare
from recommit.proof.diagnosis import Replay, diagnose
from recommit.proof.sandbox import Outcome, Sandbox
from recommit.proof.tolerance import Tolerance
from recommit.proof.variations import Variation
from recommit.proof.verdict import OutputVerdict, StageVerdict


@dataclass(frozen=True)
class Prover:
    """Replays stages of one commit in `sandbox`, each with `varied` otherwise.

    `params` is the commit's params.yaml; `unlike` says that the environment is not the commit's.
    """

    sandbox: Sandbox
    varied: tuple[Variation, ...]
    tolerance: Tolerance
    params: Mapping[str, Any]
    unlike: bool
    say: Callable[[str], None]

    def prove(self, stage: LockedStage, files: Mapping[str, str], place: Path, cpu: int) -> StageVerdict:
        """Replay `stage` on `files` in `place`, which is gone afterwards."""
        sandbox = replace(self.sandbox, place=place)
        hidden = [Variation("parameter", key) for key in leaves(self.params) if not _declared(key, stage)]
        started = time.monotonic()
        try:
            outcome = sandbox.run(stage, files, [*self.varied, *hidden], cpu)
            seconds = time.monotonic() - started
            outputs = tuple(self._output(out, outcome) for out in stage.outs)
            broken = outcome.status != 0 or any(output.verdict != "identical" for output in outputs)
            cause = ""
            if broken and not outcome.undeclared:
                cause = self._cause(sandbox, stage, files, hidden, outcome, cpu)
            return StageVerdict(
                stage=stage.name,
                outputs=outputs,
                undeclared=outcome.undeclared,
                status=outcome.status,
                said=outcome.said,
                cause=cause,
                seconds=round(seconds, 2),
            )
        except (OSError, Refusal):
            raise
        except Exception as error:  # one stage's oddity must not take the others' verdicts away
            problem = f"verify could not judge it: {type(error).__name__}: {error}"
            return StageVerdict(stage.name, (), problems=(problem,), status=None)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _cause(
        self,
        sandbox: Sandbox,
        stage: LockedStage,
        files: Mapping[str, str],
        hidden: Sequence[Variation],
        broken: Outcome,
        cpu: int,
    ) -> str:
        if self.unlike:
            return "not looked for, as this environment is not the commit's: --rebuild makes that"
        self.say(f"{stage.name} did not come back: replaying it further, to find what breaks it")
        others = self._undeclared_files(files)
        withheld = [*self.varied, *hidden, *(Variation("file", name) for name in others)]
        recorded = {out.path: out.md5 for out in stage.outs}
        return diagnose(self._again(sandbox, stage, files, others, cpu), withheld, broken, recorded).words

    def _output(self, out: Recorded, outcome: Outcome) -> OutputVerdict:
        made = outcome.outs.get(out.path)
        if made is None:
            return OutputVerdict(out.path, "missing", "the replay did not write it", out.md5)
        if made == out.md5:
            path = outcome.folder / out.path
            if path.is_dir():
                self.sandbox.contents.add_folder(path, out.path, self.sandbox.ignored)
            else:
                self.sandbox.contents.add(path, made)
            return OutputVerdict(out.path, "identical", "", out.md5, made)
        word, where = self._compared(out, outcome.folder / out.path)
        return OutputVerdict(out.path, word, where, out.md5, made)

    def _compared(self, out: Recorded, path: Path) -> tuple:
        contents = self.sandbox.contents
        if out.md5.endswith(".dir"):
            return self._compared_folder(out, path)
        expected = contents.find(out.md5)
        if expected is None:
            return "different", (
                f"dvc.lock records {out.md5[:8]}; what was recorded is in no cache and no remote, so that it "
                "cannot be said where they differ"
            )
        comparison = compare(out.path, expected, path, self.tolerance, self._table)
        return comparison.verdict, comparison.where

    def _compared_folder(self, out: Recorded, path: Path) -> tuple:
        listing = self.sandbox.contents.listing(out.md5)
        if listing is None or not path.is_dir():
            return "different", f"dvc.lock records {out.md5[:8]}, whose files are neither in the cache nor in a remote"
        made = set(files_in(path, out.path, self.sandbox.ignored))
        for name in sorted(made ^ set(listing)):
            return "different", f"{name} is {'new' if name in made else 'gone'}"
        found = [
            (name, *self._compared(Recorded(f"{out.path}/{name}", md5), path / name)) for name, md5 in listing.items()
        ]
        for wanted in ("different", "equal"):
            for name, word, where in found:
                if word == wanted:
                    return word, f"{name}: {where}"
        return "identical", ""

    def _table(self, columns: Sequence[str]) -> pd.DataFrame | None:
        """A table of this commit that a model with these columns can be tried on."""
        import pyarrow.parquet as parquet

        for stage in self.sandbox.commit.stages:
            for out in stage.outs:
                path = self.sandbox.contents.find(out.md5) if out.path.endswith(".parquet") else None
                if path is not None and set(columns) <= set(parquet.read_schema(path).names):
                    return pd.read_parquet(path, columns=list(columns)).head(10_000)
        return None

    def _undeclared_files(self, files: Mapping[str, str]) -> dict[str, str]:
        """All else that the project held when the stage ran, path to hash: the commit's files and others' outs."""
        commit, contents = self.sandbox.commit, self.sandbox.contents
        recorded = {out.path: out.md5 for stage in commit.stages for out in stage.outs} | dict(commit.added)
        ours = {"dvc.yaml", "params.yaml", "dvc.lock", *recorded}
        tracked = (name for name in sorted(commit.files) if name not in ours and (commit.folder / name).is_file())
        found = {name: contents.know(commit.folder / name) for name in tracked if name not in files}
        for path, md5 in recorded.items():
            inside = contents.listing(md5) or {} if md5.endswith(".dir") else {"": md5}
            found |= {f"{path}/{name}".rstrip("/"): hashed for name, hashed in inside.items()}
        return {name: md5 for name, md5 in found.items() if name not in files and contents.find(md5)}

    def _again(
        self,
        sandbox: Sandbox,
        stage: LockedStage,
        files: Mapping[str, str],
        others: Mapping[str, str],
        cpu: int,
    ) -> Replay:
        own = {out.path for out in stage.outs}

        def replay(varied: Sequence[Variation]) -> Outcome:
            hidden = {variation.how for variation in varied if variation.kind == "file"}
            there = {
                name: md5
                for name, md5 in others.items()
                if name not in hidden and not any(is_in(name, out) for out in own)
            }
            return sandbox.run(stage, {**there, **files}, varied, cpu, watching=False)

        return replay


def _declared(key: str, stage: LockedStage) -> bool:
    whole = any(dep.path == "params.yaml" for dep in stage.deps)
    return whole or any(key == declared or key.startswith(f"{declared}.") for declared in stage.params)
