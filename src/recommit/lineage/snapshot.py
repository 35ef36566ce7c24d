"""A commit's project read through Git: nothing is checked out, and nothing is written."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from recommit import Refusal
from recommit.project.contents import Contents
from recommit.project.dvc import cache_of
from recommit.project.git import reason_of, run, run_raw
from recommit.project.hashes import md5_of, md5_of_bytes, md5_of_folder, stays_inside
from recommit.project.lock import LockedStage, read_added, read_lock
from recommit.project.pipeline import Stage, is_in, stages
from recommit.project.yaml import read_yaml

_PIPELINE = ("dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore")


@dataclass(frozen=True)
class Snapshot:
    """The project in the folder `project` as commit `sha` holds it; `date` is the commit's, ISO 8601 in UTC."""

    project: Path
    sha: str
    date: str
    author: str
    files: Mapping[str, str]
    """The files that Git tracks in the project, path to Git's own id of the contents."""
    _read: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def read(self, *paths: str) -> list[bytes]:
        """The contents of tracked files, in one call of Git for all.

        Raises Refusal where the commit has no such file, or Git has not its contents, as in a partial clone.
        """
        wanted = [path for path in dict.fromkeys(paths) if path not in self._read]
        if absent := [path for path in wanted if path not in self.files]:
            raise Refusal(f"commit {self.sha[:10]} has no file {absent[0]}")
        if wanted:
            asked = "".join(f"{self.files[path]}\n" for path in wanted).encode()
            rest = run_raw(self.project, "cat-file", "--batch", given=asked).stdout
            for path in wanted:
                head, _, rest = rest.partition(b"\n")
                if head.split()[1:2] != [b"blob"]:
                    raise Refusal(_not_here(self.sha, path))
                size = int(head.split()[2])
                self._read[path], rest = rest[:size], rest[size + 1 :]
        return [self._read[path] for path in paths]

    def text(self, path: str) -> str:
        """A tracked text file, or "" where the commit has none of that name."""
        return self.read(path)[0].decode(errors="replace") if path in self.files else ""

    def beneath(self, path: str) -> Iterator[str]:
        """The tracked files that are `path` or lie beneath it, sorted."""
        return (file for file in sorted(self.files) if is_in(file, path))

    @cached_property
    def _pipeline(self) -> tuple[dict[str, Any], list[Stage], list[LockedStage], dict[str, Any], dict[str, str]]:
        names = [name for name in self.files if name in _PIPELINE or name.endswith(".dvc")]
        with tempfile.TemporaryDirectory(prefix="recommit-lineage-") as place:
            for name, content in zip(names, self.read(*names), strict=True):
                (Path(place) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(place) / name).write_bytes(content)
            try:
                params = read_yaml(Path(place) / "params.yaml") if "params.yaml" in names else {}
                locked = list(read_lock(Path(place)))
                added = dict(read_added(Path(place), names))
                return read_yaml(Path(place) / "dvc.yaml"), stages(Path(place)), locked, params, added
            except Refusal as refusal:
                said = str(refusal).replace(f"{place}/", "")
                raise Refusal(f"commit {self.sha[:10]}: {said}", refusal.status) from None

    @property
    def pipeline(self) -> dict[str, Any]:
        """dvc.yaml as it is written."""
        return self._pipeline[0]

    @property
    def declared(self) -> list[Stage]:
        """The stages that dvc.yaml declares, matrix stages item by item."""
        return self._pipeline[1]

    @property
    def locked(self) -> list[LockedStage]:
        """The stages that dvc.lock records."""
        return self._pipeline[2]

    @property
    def params(self) -> dict[str, Any]:
        """params.yaml."""
        return self._pipeline[3]

    @property
    def added(self) -> dict[str, str]:
        """What `dvc add` tracks, path to hash."""
        return self._pipeline[4]

    @cached_property
    def made(self) -> dict[str, tuple[str, str]]:
        """What stages made, path to (stage, hash)."""
        return {out.path: (stage.name, out.md5) for stage in self.locked for out in stage.outs}

    @cached_property
    def _contents(self) -> Contents:
        cache = self.project / ".dvc" / "cache"
        configured = [self.project / ".dvc" / name for name in ("config", "config.local")]
        elsewhere = any("[cache]" in path.read_text(encoding="utf-8") for path in configured if path.is_file())
        if elsewhere or not cache.is_dir():  # asking DVC takes most of a second
            cache = cache_of(self.project, Path(sys.executable).parent) or cache
        place = Path(tempfile.gettempdir())  # nothing is ever put there: contents are only looked up
        return Contents(place, {"cache": cache})

    def find(self, path: str, md5: str) -> Path | None:
        """A file here that holds the recorded contents: in DVC's cache, or in the working tree; None if neither.

        What lies outside the project is not looked at.
        """
        found = self._contents.find(md5)
        here = self.project / path
        return found or (here if stays_inside(path) and here.is_file() and md5_of(here) == md5 else None)

    def listing(self, path: str, md5: str) -> dict[str, str] | None:
        """The files of a recorded folder, path in it to hash; None where nothing here tells.

        From the cache, from what Git and dvc.lock say of the files beneath it, or from the working tree.
        """
        known = self._contents.listing(md5) or self.hashes_of_folder(path).get(md5)
        if known is not None or not stays_inside(path):
            return known
        here = self.project / path
        files = {file.relative_to(here).as_posix(): md5_of(file) for file in here.rglob("*") if file.is_file()}
        return files if md5_of_folder(files) == md5 else None

    def hashes_of_folder(self, path: str) -> dict[str, dict[str, str]]:
        """The hashes that DVC may have recorded for a folder of such files, each with the files that give it.

        The first is that of what stages made; a .gitignore, which is DVC's own, counts if it was there before the run.
        """
        beneath = self.beneath_by_hash(path)
        plain = {name: md5 for name, md5 in beneath.items() if name != ".gitignore"}
        return {md5_of_folder(files): files for files in (plain, beneath) if files}

    def beneath_by_hash(self, path: str) -> dict[str, str]:
        """The files beneath a folder that Git tracks or stages made one by one, path in it to hash."""
        tracked = [file for file in self.beneath(path) if file != path and not self._ignored(file)]
        files = {file: md5_of_bytes(content) for file, content in zip(tracked, self.read(*tracked), strict=True)}
        files |= {made: md5 for made, (_, md5) in self.made.items() if is_in(made, path) and made != path}
        return {file[len(path) + 1 :]: md5 for file, md5 in files.items() if not md5.endswith(".dir")}

    def content(self, path: str, md5: str) -> bytes | None:
        """What a file held that was recorded with the hash `md5`, or None where it is neither in Git nor here."""
        if path in self.files and md5_of_bytes(self.read(path)[0]) == md5:
            return self.read(path)[0]
        found = self.find(path, md5)
        return found.read_bytes() if found else None

    def hash_in_git(self, path: str) -> str | None:
        """The hash that DVC would record for the tracked file or folder `path`; None where Git has none."""
        if path in self.files:
            return md5_of_bytes(self.read(path)[0])
        inside = [file for file in self.beneath(path) if not self._ignored(file)]
        files = {file[len(path) + 1 :]: md5_of_bytes(one) for file, one in zip(inside, self.read(*inside), strict=True)}
        return md5_of_folder(files) if files else None

    @cached_property
    def _ignored(self) -> Any:
        return GitIgnoreSpec.from_lines(self.text(".dvcignore").splitlines()).match_file


def snapshot(project: Path, rev: str) -> Snapshot:
    """The commit `rev` of the repository around `project`.

    Raises Refusal where there is no such commit, it holds no pipeline, or a path in it leads out of the project.
    """
    said = run(project, "log", "-1", "--format=%H%x00%ct%x00%an", "--end-of-options", f"{rev}^{{commit}}", "--")
    if said.returncode or not said.stdout.strip():  # nothing for a range that is empty
        if "not a git repository" in said.stderr:
            raise Refusal(f"git: {reason_of(said)}")
        raise Refusal(f"{rev} names no commit of this repository: `git log` lists them")
    sha, seconds, author = said.stdout.strip().split("\0")
    tree = run_raw(project, "ls-tree", "-r", "-z", sha)
    if tree.returncode:
        raise Refusal(_not_here(sha, "its list of files"))
    rows = (row.split("\t", 1) for row in filter(None, tree.stdout.decode(errors="surrogateescape").split("\0")))
    files = {path: about.split()[2] for about, path in rows if about.split()[1] == "blob"}
    astray = next((path for path in files if not stays_inside(path)), None)
    if astray is not None:
        raise Refusal(
            f"commit {sha[:10]} holds the path {astray!r}, which leads out of the project: nothing is read of it"
        )
    if "dvc.yaml" not in files:
        raise Refusal(f"commit {sha[:10]} has no dvc.yaml: there is no pipeline that could have made anything")
    return Snapshot(project, sha, _utc(int(seconds)), author, files)


def _not_here(sha: str, what: str) -> str:
    return (
        f"commit {sha[:10]}: Git has not {what} here: a clone made with --filter is without it, "
        "and `git fetch --refetch --no-filter` gets it"
    )


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
