"""Write a new project, whole or not at all: its files, its table kept by DVC, and its first commit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from recommit import Refusal
from recommit.check.declared import Declared
from recommit.check.deps import write_deps
from recommit.check.findings import check
from recommit.project.git import git, run


def refuse_place(path: Path) -> None:
    """Raises Refusal where no project can be begun at `path`: something is there, or it lies in a repository."""
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise Refusal(f"{path} is there already: name a folder that is not, or an empty one")
    above = next(folder for folder in path.absolute().parents if folder.is_dir())
    inside = run(above, "rev-parse", "--show-toplevel")
    if inside.returncode == 0:
        raise Refusal(
            f"{path} lies in the repository {inside.stdout.strip()}: a project is a repository of its own: "
            "name a place outside"
        )
    if run(above, "var", "GIT_COMMITTER_IDENT").returncode:
        name = "`git config --global user.name NAME`, and user.email"
        raise Refusal(f"git does not know who you are, and the project begins with a commit: {name}")


def write_project(path: Path, files: Mapping[str, bytes], bring: Callable[[Path], None]) -> None:
    """Makes a project at `path`: a repository of Git and DVC with `files`; `bring` is called with it for the table.

    All of it is one commit. The deps of its stages are derived. Raises Refusal where a program fails or the project
    would not pass `recommit check`; whatever fails, nothing is left at `path` or beside it.
    """
    refuse_place(path)
    path = path.absolute()
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as place:
            folder = Path(place, path.name)
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            git(folder, "init", "--quiet", "--initial-branch=main")
            bring(folder)
            git(folder, "add", "--all")
            write_deps(Declared(folder))
            if found := check(Declared(folder)):
                raise Refusal(f"the new project would not pass `recommit check`: {'; '.join(map(str, found))}")
            git(folder, "add", "--all")
            git(folder, "commit", "--quiet", "--message", "Begin the project: recommit new")
            if path.is_dir():
                path.rmdir()
            folder.rename(path)
    except BaseException:
        for empty in made:
            empty.rmdir()
        raise
