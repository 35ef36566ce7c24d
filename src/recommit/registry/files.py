"""A model's three files: their hashes, and where they can be had."""

import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recommit import Refusal
from recommit.project.contents import Contents
from recommit.project.dvc import cache_of, fetch
from recommit.project.git import blob
from recommit.project.hashes import md5_of, md5_of_folder
from recommit.project.lock import LockedStage, read_lock
from recommit.registry.entry import FILES, File
from recommit.registry.tags import CANDIDATE

if TYPE_CHECKING:
    from recommit.artifact.manifest import Manifest

CHAMPION = "models/champion"
MODEL, MANIFEST = "model.onnx", "manifest.json"


def hashes(folder: Path) -> dict[str, File]:
    """The hashes of each of a model's files in `folder`. Raises Refusal where one is missing."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise Refusal(
            f"{folder}: {', '.join(missing)} missing: a model is {', '.join(FILES)}; `dvc pull` or `dvc repro` gets it"
        )
    return {name: _file(folder / name) for name in FILES}


def lock_of(root: Path, commit: str) -> list[LockedStage]:
    """The stages of dvc.lock at a commit. Raises Refusal where there is none."""
    text = blob(root, commit, "dvc.lock")
    if text is None:
        raise Refusal(f"commit {commit[:10]} has no dvc.lock: what its model was is not recorded")
    return lock_in(text)


def lock_in(text: str) -> list[LockedStage]:
    """The stages of a dvc.lock. Raises Refusal where it is none."""
    with tempfile.TemporaryDirectory() as place:
        Path(place, "dvc.lock").write_text(text, encoding="utf-8")
        return list(read_lock(Path(place)))


def recorded(root: Path, commit: str) -> dict[str, str]:
    """MD5 of each of the candidate's files as dvc.lock records them at a commit. Raises Refusal where it does not."""
    outs = {out.path: out.md5 for stage in lock_of(root, commit) for out in stage.outs}
    absent = [name for name in FILES if f"{CANDIDATE}/{name}" not in outs]
    if absent:
        raise Refusal(
            f"dvc.lock of commit {commit[:10]} records no {CANDIDATE}/{absent[0]}: list it as an out, then `dvc repro`"
        )
    return {name: outs[f"{CANDIDATE}/{name}"] for name in FILES}


def sound(folder: Path) -> "Manifest":
    """The manifest of the model in `folder`, loaded with all of loading's checks, its golden rows replayed.

    Raises Refusal with what is wrong.
    """
    from recommit.artifact.load import load

    return load(folder).manifest


def _file(path: Path) -> File:
    with path.open("rb") as opened:
        return File(md5=md5_of(path), sha256=hashlib.file_digest(opened, "sha256").hexdigest())


def _other(folder: Path, files: Mapping[str, File]) -> list[str]:
    """The names of those files that `folder` does not hold with these hashes."""
    return [name for name, file in files.items() if not (folder / name).is_file() or _file(folder / name) != file]


def collected(root: Path, files: Mapping[str, File]) -> Path:
    """A folder with the files of these hashes: from the project, DVC's cache or a remote, each checked.

    It is .recommit/models/HASH, whole or not there at all. Raises Refusal where a file cannot be had.
    """
    store = root / ".recommit" / "models"
    wanted = {name: file.md5 for name, file in files.items()}
    folder = store / md5_of_folder(wanted).removesuffix(".dir")
    if not _other(folder, files):
        return folder
    with tempfile.TemporaryDirectory(dir=_made(store), prefix=".unfinished-") as place:
        new = Path(place, "model")
        reason = _gather(root, wanted, new, Path(place))
        for name in _other(new, files):
            what = f"{name} (md5 {wanted[name]})"
            if (new / name).is_file() and md5_of(new / name) == wanted[name]:
                raise Refusal(f"{what} is not the file that the version's tag means: it has another SHA-256")
            raise Refusal(
                f"{what} is neither in the cache nor in a remote, whole: {reason}: `dvc push` where it was made"
            )
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return folder


def put_aside(root: Path) -> tuple[str, ...]:
    """Copy those of the champion's files that DVC's cache does not hold, edited or broken ones: where to, if any."""
    cache, aside = cache_of(root, Path(sys.executable).parent), root / ".recommit" / "aside"
    cached = Contents(aside, {"cache": cache} if cache else {})
    kept = []
    for path in (root / CHAMPION / name for name in FILES):
        if path.is_file() and not cached.find(md5 := md5_of(path)):
            to = _made(aside / md5) / path.name
            shutil.copyfile(path, to)
            kept.append(to.relative_to(root).as_posix())
    return tuple(kept)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _gather(root: Path, files: Mapping[str, str], new: Path, place: Path) -> str:
    """Copy what can be had into `new`; why no remote gave the rest, or ""."""
    programs = Path(sys.executable).parent
    cache = cache_of(root, programs)
    contents = Contents(place / "made", {"cache": cache} if cache else {})
    for known in (root / folder / name for folder in (CANDIDATE, CHAMPION) for name in files):
        if known.is_file():
            contents.know(known)
    reason = ""
    wanted = {name: md5 for name, md5 in files.items() if not contents.find(md5)}
    if wanted:
        reason = _from_remote(root, wanted, place, programs)
        contents.caches["remote"] = place / "fetched"
    for name, md5 in files.items():
        if contents.find(md5):
            contents.put(md5, new, name)
    return reason or "no remote has it, or only with other contents"


def _from_remote(root: Path, wanted: Mapping[str, str], place: Path, programs: Path) -> str:
    """Have DVC fetch these files only: in a project of their own, with the remotes of the user's."""
    asked = _made(place / "asked" / ".dvc").parent
    config = root / ".dvc" / "config"
    text = config.read_text(encoding="utf-8") if config.is_file() else ""
    core = "[core]\n    no_scm = true\n"
    text = re.sub(r"^\[core\]\n", core, text, count=1, flags=re.MULTILINE) if "[core]" in text else core + text
    (asked / ".dvc" / "config").write_text(text, encoding="utf-8")
    for name, md5 in wanted.items():
        (asked / f"{name}.dvc").write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: {name}\n", encoding="utf-8")
    return fetch(root, asked, place / "fetched", programs)
