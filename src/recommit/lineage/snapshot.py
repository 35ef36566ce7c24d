"""Reads the project of a commit through Git. Nothing is checked out."""

import json
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from recommit import Refusal
from recommit.project.contents import cached
from recommit.project.dvc import cache_of
from recommit.project.git import blobs, reason_of, run, run_raw
from recommit.project.hashes import md5_of, md5_of_bytes, md5_of_folder, stays_inside
from recommit.project.lock import LockedStage, read_added, read_lock
from recommit.project.pipeline import is_in
from recommit.project.yaml import read_yaml

_PIPELINE = ("dvc.yaml", "dvc.lock", "params.yaml")


@dataclass(frozen=True)
class Snapshot:
    """The project in the folder `project` at the commit `sha`; `date` is the commit's, ISO 8601 in UTC.

    `files` maps each file that Git tracks to its contents. `pipeline` is dvc.yaml, `params` is params.yaml, `locked`
    are the stages of dvc.lock, and `added` maps each path that `dvc add` tracks to its hash.
    """

    project: Path
    sha: str
    date: str
    author: str
    files: Mapping[str, bytes] = field(repr=False)
    pipeline: Mapping[str, Any] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    locked: tuple[LockedStage, ...] = field(repr=False)
    added: Mapping[str, str] = field(repr=False)

    def text(self, path: str) -> str:
        """Return the text of the tracked file `path`, or "" where the commit has no such file."""
        return self.files.get(path, b"").decode(errors="replace")

    def beneath(self, path: str) -> Iterator[str]:
        """Return the tracked files that are `path` or lie beneath it, sorted."""
        return (file for file in self.files if is_in(file, path))

    @cached_property
    def made(self) -> dict[str, tuple[str, str]]:
        """The outs of all stages: path to (stage, hash)."""
        return {out.path: (stage.name, out.md5) for stage in self.locked for out in stage.outs}

    @cached_property
    def recorded(self) -> dict[str, str]:
        """Everything that DVC recorded: path to hash. For a path that stages read and made, the maker's hash counts."""
        return (
            {dep.path: dep.md5 for stage in self.locked for dep in stage.deps}
            | dict(self.added)
            | {path: md5 for path, (_, md5) in self.made.items()}
        )

    def content(self, path: str, md5: str) -> bytes | None:
        """Return the contents of `path` with the hash `md5`; None if they are not here.

        They are looked for in Git, in DVC's cache and in the working tree, never outside the project. The contents of a
        folder are DVC's list of its files.
        """
        if path in self.files and md5_of_bytes(self.files[path]) == md5:
            return self.files[path]
        if found := cached(self._cache, md5):
            return found.read_bytes()
        here = self.project / path
        return here.read_bytes() if stays_inside(path) and here.is_file() and md5_of(here) == md5 else None

    @cached_property
    def _cache(self) -> Path:
        return cache_of(self.project)

    def listing(self, path: str, md5: str) -> dict[str, str] | None:
        """Return the files of the folder `path` with the hash `md5`: path in the folder to hash.

        Return None if neither DVC's cache nor the commit has them.
        """
        listed = self.content(path, md5)
        if listed is None:
            return self.hashes(path).get(md5)
        return {entry["relpath"]: entry["md5"] for entry in json.loads(listed)}

    def hashes(self, path: str) -> dict[str, dict[str, str]]:
        """Return the possible hashes of `path`, each with the folder's files: path in the folder to hash.

        They are computed from the files that Git tracks and the outs of stages. A folder with a .gitignore has two
        possible hashes, because DVC writes this file itself, and counts it only if it was there before the run.
        """
        if path in self.files:
            return {md5_of_bytes(self.files[path]): {}}
        ignored = GitIgnoreSpec.from_lines(self.text(".dvcignore").splitlines())
        tracked = (file for file in self.beneath(path) if not ignored.match_file(file))
        files = {file: md5_of_bytes(self.files[file]) for file in tracked}
        files |= {out: md5 for out, (_, md5) in self.made.items() if is_in(out, path) and out != path}
        beneath = {file[len(path) + 1 :]: md5 for file, md5 in files.items() if not md5.endswith(".dir")}
        plain = {name: md5 for name, md5 in beneath.items() if name != ".gitignore"}
        return {md5_of_folder(files): files for files in (plain, beneath) if files}

    @cached_property
    def project_table(self) -> dict[str, Any]:
        """The table `project` of pyproject.toml; empty if there is none."""
        try:
            return tomllib.loads(self.text("pyproject.toml")).get("project", {})
        except tomllib.TOMLDecodeError:
            return {}


def snapshot(project: Path, rev: str) -> Snapshot:
    """Return the commit `rev` of the repository around `project`.

    Raises Refusal if there is no such commit, it has no pipeline, its files are not here, or a path in it leads out of
    the project.
    """
    said = run(project, "log", "-1", "--format=%H%x00%ct%x00%an", "--end-of-options", f"{rev}^{{commit}}", "--")
    if said.returncode or not said.stdout.strip():  # an empty range prints nothing
        no_commit = f"{rev} names no commit of this repository: `git log` lists them"
        raise Refusal(f"git: {reason_of(said)}" if "not a git repository" in said.stderr else no_commit)
    sha, seconds, author = said.stdout.strip().split("\0")
    files = _files(project, sha)
    with tempfile.TemporaryDirectory(prefix="recommit-lineage-") as place:
        folder = Path(place)
        for name in (name for name in files if name in _PIPELINE or name.endswith(".dvc")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(files[name])
        try:
            params = read_yaml(folder / "params.yaml") if "params.yaml" in files else {}
            pipeline = read_yaml(folder / "dvc.yaml")
            # dvc.lock still records stages that were taken out of dvc.yaml.
            locked = tuple(one for one in read_lock(folder) if one.family in (pipeline.get("stages") or {}))
            added = dict(read_added(folder, files))
        except Refusal as refusal:
            raise Refusal(f"commit {sha[:10]}: {refusal}".replace(f"{place}/", ""), refusal.status) from None
    date = datetime.fromtimestamp(int(seconds), UTC).isoformat()
    return Snapshot(project, sha, date, author, files, pipeline, params, locked, added)


def _files(project: Path, sha: str) -> dict[str, bytes]:
    """Return the project's files in the commit `sha`, path to contents, by two calls of Git."""
    tree = run_raw(project, "ls-tree", "-r", "-z", sha)
    rows = (row.split("\t", 1) for row in filter(None, tree.stdout.decode(errors="surrogateescape").split("\0")))
    ids = dict(sorted((path, about.split()[2]) for about, path in rows if about.split()[1] == "blob"))
    astray = next((path for path in ids if not stays_inside(path)), None)
    if astray is not None:
        raise Refusal(
            f"commit {sha[:10]} holds the path {astray!r}, which leads out of the project: the commit is not read"
        )
    if "dvc.yaml" not in ids and not tree.returncode:
        raise Refusal(f"commit {sha[:10]} has no dvc.yaml: there is no pipeline that could have made anything")
    contents = blobs(project, list(ids.values()))
    files = {path: content for path, one in ids.items() if (content := contents[one]) is not None}
    if tree.returncode or len(files) < len(ids):
        absent = next((path for path in ids if path not in files), "its list of files")
        raise Refusal(
            f"commit {sha[:10]}: Git does not have {absent} here. A clone made with --filter is without it: "
            "`git fetch --refetch --no-filter` gets it"
        )
    return files
