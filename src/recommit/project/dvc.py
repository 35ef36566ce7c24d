"""Calls DVC, and reads its configuration."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.git import without_repository


def cache_of(folder: Path) -> Path:
    """Returns the folder of DVC's cache for the project in `folder`."""
    return Path(dvc_config(folder).get("cache", {}).get("dir") or folder / ".dvc" / "cache")


def fetch(project: Path, commit: Path, cache: Path, programs: Path) -> str:
    """Fetches what the stages of a commit recorded into `cache`, and returns why this failed, or "".

    `commit` is a clone of the commit; its configuration is changed. The remotes and credentials are those of the
    user's `project`, whose cache and configuration stay as they are. `programs` holds the command `dvc`.
    """
    remotes = dvc(project, programs, "remote", "list")
    listed = [line.split(maxsplit=1) for line in remotes.stdout.splitlines() if line.strip()]
    if not listed:
        return "no remote is configured"
    local = project / ".dvc/config.local"
    if local.is_file():
        shutil.copyfile(local, commit / ".dvc/config.local")
    dvc(commit, programs, "config", "--local", "cache.dir", str(cache))
    dvc(commit, programs, "config", "--local", "core.site_cache_dir", str(cache.parent / "site"))
    for name, url in (words for words in listed if len(words) == 2):
        url = url.rsplit("(default)")[0].strip()
        dvc(commit, programs, "remote", "modify", "--local", name, "url", url)
    result = dvc(commit, programs, "fetch", "--quiet")
    return reason_of(result) if result.returncode else ""


def status(folder: Path) -> dict[str, list[Any]]:
    """Returns what `dvc status` says of each stage in `folder` that is not up to date. Raises Refusal if it fails."""
    result = dvc(folder, Path(sys.executable).parent, "status", "--json")
    try:
        found: dict[str, list[Any]] = json.loads(result.stdout)
    except ValueError:
        raise Refusal(f"dvc status failed: {reason_of(result)}") from None
    return found


def reason_of(result: subprocess.CompletedProcess[str]) -> str:
    """Returns why a command of DVC failed: the first line that it wrote to stderr."""
    said = [line for line in result.stderr.splitlines() if line.strip()] or ["no reason given"]
    return said[0].removeprefix("ERROR: ")


def dvc(folder: Path, programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs `dvc WORDS` in `folder` and returns the result, also when it fails. `programs` holds the command `dvc`."""
    env = {name: value for name, value in without_repository(os.environ).items() if not name.startswith("DVC_")}
    env["PATH"] = f"{programs}{os.pathsep}{env.get('PATH', os.defpath)}"
    return subprocess.run(["dvc", *words], cwd=folder, env=env, capture_output=True, text=True)


def dvc_config(folder: Path) -> dict[str, Any]:
    """Returns DVC's configuration of the project in `folder`, by section, merged from all files as DVC merges them.

    The cache's folder is absolute, or relative to the current folder. The values are not checked, because that would
    take five times as long. Raises Refusal for a file that cannot be read.
    """
    from configobj import ConfigObj, ConfigObjError
    from dvc.dirs import global_config_dir, system_config_dir

    places = [Path(system_config_dir()), Path(global_config_dir())]
    files = [*(place / "config" for place in places), folder / ".dvc/config", folder / ".dvc/config.local"]
    merged: dict[str, Any] = {}
    for file in filter(Path.is_file, files):
        try:
            sections = ConfigObj(str(file), encoding="utf-8", interpolation=False).dict()
        except (ConfigObjError, UnicodeDecodeError) as error:
            raise Refusal(f"{file}, DVC's configuration, cannot be read: {str(error).splitlines()[0]}") from None
        for name, section in sections.items():
            values = {key.lower(): value for key, value in section.items()} if isinstance(section, dict) else {}
            if name.lower() == "cache" and "dir" in values:
                values["dir"] = str(file.parent / Path(values["dir"]).expanduser())
            merged.setdefault(name.lower(), {}).update(values)
    return merged
