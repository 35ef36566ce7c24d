"""A project that `recommit new` wrote on the machinery's wheel: a tiny table, a few quick stages."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from recommit.template.shipped import wheel

QUICKER = {
    "instants: 6": "instants: 1",
    "most: 3 ": "most: 1 ",
    "max_iter: 100": "max_iter: 10",
    "repeats: 3": "repeats: 1",
    "leave_out_times: 2": "leave_out_times: 1",
}


def hire(rows: int = 2400) -> pd.DataFrame:
    """Bikes hired every third hour: more when it is warm."""
    draw = np.random.default_rng(3)
    warm = draw.normal(15, 8, rows).round(2)
    asked_at = pd.date_range("2023-01-01", periods=rows, freq="3h", tz="UTC")
    busy = np.where(draw.random(rows) < 1 / (1 + np.exp(-(warm - 15) / 5)), "yes", "no")
    place = draw.choice(["north", "south"], rows)
    return pd.DataFrame(
        {"id": np.arange(rows), "asked_at": asked_at.astype("str"), "warm": warm, "place": place, "busy": busy}
    )


class Begun:
    """A project that `recommit new` wrote, and an environment that holds the wheel and none of this tree."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs

    def environment(self) -> dict[str, str]:
        """The variables of a shell in which the project's own programs come first."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTEST_"))}
        path = os.pathsep.join([str(self.programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        return kept | {"PATH": path, "JUPYTER_PATH": f"{sys.prefix}/share/jupyter"}

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        env = self.environment()
        result = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True, timeout=900)
        assert not check or result.returncode == 0, f"{words}:\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text())

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def copy(self, to: Path) -> "Begun":
        """The project with its results and cache in another folder."""
        shutil.copytree(self.folder, to, symlinks=True)
        copy = Begun(to, self.programs)
        copy.configure()
        return copy

    def quicken(self) -> None:
        """Gives it parameters by which its stages take little time; nothing is run yet."""
        params = (self.folder / "params.yaml").read_text()
        for usual, quick in QUICKER.items():
            params = params.replace(usual, quick)
        (self.folder / "params.yaml").write_text(params)
        self.configure()

    def configure(self) -> None:
        """What `make env` says to DVC of this machine: `dvc config --local`, which takes a second."""
        local = self.folder / ".dvc/config.local"
        before = local.read_text().partition("[core]")[0] if local.exists() else ""
        local.write_text(f"{before}[core]\n    site_cache_dir = {self.folder}/.dvc/tmp/site\n")


def begin(folder: Path, programs: Path, *data: str) -> Begun:
    """A quick project on a table of `hire`, which the flags in `data` name."""
    flags = [*data, "--target", "busy", "--horizon", "3", "--yes"]
    Begun(folder.parent, programs).run("recommit", "new", str(folder), *flags)
    project = Begun(folder, programs)
    project.quicken()
    return project


def environment(folder: Path) -> Path:
    """A virtual environment with the wheel, beside the packages of this one; returns where its programs are."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    name, content = wheel()
    (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / name) as packed:
        packed.extractall(site)
    [installed] = site.glob("recommit-*.dist-info")
    (installed / "direct_url.json").write_text(json.dumps({"url": (folder / name).as_uri(), "archive_info": {}}))
    for program, call in (("recommit", "from recommit_tree import main"), ("dvc", "from dvc.cli import main")):
        (folder / "bin" / program).write_text(f"#!{folder}/bin/python\nimport sys\n{call}\nsys.exit(main())\n")
        (folder / "bin" / program).chmod(0o755)
    return folder / "bin"
