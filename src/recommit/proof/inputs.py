"""Finds the files that each stage of a commit reads, and contradictions in the commit about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import getitem

from recommit import Refusal
from recommit.project.contents import Contents
from recommit.project.hashes import files_in, ignored_by_dvc, md5_of_folder
from recommit.project.lock import LockedStage
from recommit.project.params import declared_values
from recommit.project.pipeline import Stage, is_in, stages
from recommit.project.yaml import read_yaml
from recommit.proof.commit import Commit, unkept


@dataclass(frozen=True)
class Inputs:
    """The inputs of one stage: `files` maps each path in its sandbox to its hash.

    `lacking` are inputs whose contents are not here: perhaps the stage that makes them was not replayed yet. `stale`
    are the reasons, in words, why the stage cannot be replayed at all.
    """

    files: Mapping[str, str]
    lacking: tuple[str, ...]
    stale: tuple[str, ...]


@dataclass(frozen=True)
class CommitInputs:
    """The inputs of the stages of `commit`. Their contents are in `contents`, which grows with each replay."""

    commit: Commit
    contents: Contents

    @cached_property
    def tree(self) -> dict[str, str]:
        """The hash of each tracked file that is, or lies in, a dep or out of a stage."""
        commit, ignored = self.commit, ignored_by_dvc(self.commit.folder)
        paths = {recorded.path for stage in commit.stages for recorded in (*stage.deps, *stage.outs)}
        files = (file for path in paths for file in commit.beneath(path) if file == path or not ignored(file))
        return {file: self.contents.know(commit.folder / file) for file in files if (commit.folder / file).is_file()}

    def of(self, stage: LockedStage) -> Inputs:
        """Returns the inputs of `stage` that dvc.lock records."""
        commit, contents, tree = self.commit, self.contents, self.tree
        made = {out.path: out.md5 for other in commit.stages for out in other.outs}
        sources = {**commit.added, **made}
        files: dict[str, str] = {}
        unknown: list[str] = []
        stale = list(_stale_declaration(stage, commit))
        for dep in stage.deps:
            now = commit.added.get(dep.path) or (tree.get(dep.path) if dep.path not in made else None)
            if now not in (None, dep.md5):
                stale.append(_older(dep.path))
            elif not dep.md5.endswith(".dir"):
                files[dep.path] = dep.md5
            else:
                listing = contents.listing(dep.md5) or self._listing(dep.path, sources)
                own = md5_of_folder(self._listing(dep.path, {}) or {})
                if listing is None:
                    unknown.append(dep.path)
                elif not any(is_in(out, dep.path) or is_in(dep.path, out) for out in sources) and own != dep.md5:
                    stale.append(_older(dep.path))
                elif md5_of_folder(listing) != dep.md5:
                    stale.append(
                        f"dvc.lock was edited by hand, or only in part committed: the files that it records beneath "
                        f"{dep.path} do not give the hash that it records for the folder"
                    )
                else:
                    files |= {f"{dep.path}/{name}": md5 for name, md5 in listing.items()}
        absent = (name for name, md5 in files.items() if contents.find(md5) is None)
        return Inputs(files, (*unknown, *absent), tuple(stale))

    def _listing(self, path: str, sources: Mapping[str, str]) -> dict[str, str] | None:
        """Returns the files of the folder `path`, path in it to hash, or None if some are not known yet.

        They are the tracked files, and those of `sources`, which maps paths to hashes.
        """
        found = {file: md5 for file, md5 in self.tree.items() if is_in(file, path)}
        for out, md5 in sources.items():
            if is_in(out, path) or is_in(path, out):
                files = self.contents.listing(md5) if md5.endswith(".dir") else {"": md5}
                if files is None:
                    return None
                found |= {f"{out}/{name}".rstrip("/"): hashed for name, hashed in files.items()}
        return {file[len(path) + 1 :]: md5 for file, md5 in found.items() if is_in(file, path)}

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yields each contradiction in the commit: the stage's name, and the fault in words.

        A fault is a stage whose results were never committed, a result in Git that is not the recorded one, or a
        dvc.lock that was edited by hand.
        """
        commit, ignored = self.commit, ignored_by_dvc(self.commit.folder)
        recorded = {stage.name for stage in commit.stages}
        for declared in stages(commit.folder):
            if declared.name not in recorded:
                yield (
                    declared.name,
                    "its results were never committed: dvc.yaml declares it, dvc.lock does not record it",
                )
        made = {out.path: (stage.name, out.md5) for stage in commit.stages for out in stage.outs}
        for path, (maker, md5) in made.items():
            here = self.tree.get(path)
            if md5.endswith(".dir") and any(commit.beneath(path)):
                inside = files_in(commit.folder / path, path, ignored)
                here = md5_of_folder({file: self.tree[f"{path}/{file}"] for file in inside})
            if here not in (None, md5):
                yield maker, f"{path} was edited after the run: what is committed is not what dvc.lock records"
        for path in sorted(unkept(commit, set(made))):
            yield made[path][0], f"{path} is not in the commit, and Git was to keep it: it was deleted, or never added"
        for stage in commit.stages:
            for dep in stage.deps:
                maker, md5 = made.get(dep.path, ("", dep.md5))
                if md5 != dep.md5:
                    yield (
                        stage.name,
                        f"dvc.lock was edited by hand, or only in part committed: {dep.path} is {dep.md5[:8]} where "
                        f"{stage.name} reads it and {md5[:8]} where {maker} made it",
                    )


def _older(path: str) -> str:
    return (
        f"dvc.lock is older than {path}: the commit holds another content than the stage ran on: "
        "`dvc repro`, then commit dvc.lock"
    )


def _stale_declaration(stage: LockedStage, commit: Commit) -> Iterator[str]:
    declared = {other.name: other for other in stages(commit.folder)}.get(stage.name)
    if declared is None:
        yield "dvc.lock records it, dvc.yaml declares it no more: `dvc repro`, then commit dvc.lock"
        return
    if declared.cmd.splitlines() != list(stage.cmd):
        recorded, here = " && ".join(stage.cmd), " && ".join(declared.cmd.splitlines())
        yield f"dvc.lock is older than dvc.yaml: it records the command `{recorded}`, not `{here}`"
    for kind, now, then in (
        ("deps", set(declared.deps), {dep.path for dep in stage.deps}),
        ("outs", set(declared.outs), {out.path for out in stage.outs}),
    ):
        if now != then:
            yield f"dvc.lock is older than dvc.yaml: {kind} differ in {', '.join(sorted(now ^ then))}"
    yield from _stale_params(stage, declared, commit)


def _stale_params(stage: LockedStage, declared: Stage, commit: Commit) -> Iterator[str]:
    if not declared.params and not stage.params:
        return
    try:
        values = declared_values(declared, commit.folder)
    except Refusal as refusal:
        yield str(refusal).replace(f"{commit.folder}/", "")
        return
    for key in sorted({*declared.params} ^ {*stage.params}):
        yield f"dvc.lock is older than dvc.yaml: parameter {key} is declared in one of them only"
    for key in sorted({*declared.params} & {*stage.params}):
        value = reduce(getitem, key.split("."), values)
        if stage.params[key] != value:
            yield (
                f"dvc.lock is older than params.yaml: {key} is {value!r} there, and the stage ran on "
                f"{stage.params[key]!r}: `dvc repro`, then commit dvc.lock"
            )


def frozen_or_always_changed(commit: Commit) -> Iterator[tuple[str, str]]:
    """Yields the name of each stage that `dvc repro` never runs or always runs, and which of the two, in words."""
    means = {
        "frozen": "is frozen: `dvc repro` never runs it, even if an input changed",
        "always_changed": "is always_changed: `dvc repro` runs it every time, even if no input changed",
    }
    for name, entry in (read_yaml(commit.folder / "dvc.yaml").get("stages") or {}).items():
        for key, meaning in means.items():
            if entry.get(key):
                yield name, meaning
