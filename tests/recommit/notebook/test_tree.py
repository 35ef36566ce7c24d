"""The code that runs is the code of the tree that it is started in."""

import shutil

from tests.recommit.notebook.conftest import TinyProject

SAY = """\
from pathlib import Path

from flights.where import WORD

Path("models").mkdir(exist_ok=True)
Path(f"models/{model}.txt").write_text(f"{WORD} {seed}")
"""


def test_a_second_tree_in_the_same_environment_runs_its_own_code(tiny: TinyProject) -> None:
    second = TinyProject(tiny.folder.parent / "second")
    shutil.copytree(tiny.folder, second.folder)
    for project, word in ((tiny, "first"), (second, "second")):
        project.write("src/flights/where.py", f"WORD = {word!r}\n")
        project.notebook(SAY)
    for project, word in ((tiny, "first"), (second, "second")):
        assert project.run().returncode == 0
        assert project.read("models/tree.txt") == f"{word} 7"


def test_the_nearest_tree_wins_from_any_folder_inside_it(tiny: TinyProject) -> None:
    inner = TinyProject(tiny.folder / "notebooks" / "inner")
    shutil.copytree(tiny.folder / "src", inner.folder / "src")
    inner.write("dvc.yaml", "stages: {}\n")
    result = inner.command("python", "-c", "import recommit; print(recommit.__file__)")
    assert str(inner.folder) in result.stdout
