"""A file that was edited where a package is installed is named: its version says nothing of it."""

import base64
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.notebook.run import run
from recommit.project.vendored import refuse_another_machinery, unlike_the_wheels
from recommit.proof.verify import Request, verify
from recommit.report.pages import write_report

WHEEL = "vendor/shop-1.0-py3-none-any.whl"
FILES = {
    "shop/__init__.py": b"",
    "shop/price.py": b"PRICE = 3\n",
    "shop-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n",
    "shop-1.0.data/data/share/shop.json": b"{}",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose lock file takes the package shop from vendor/, and a folder `site` in which it is installed."""
    rows = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for name, content in FILES.items()
    ]
    record = "\n".join([*rows, "shop-1.0.dist-info/RECORD,,"]).encode()
    wheel = tmp_path / WHEEL
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as content:
        for name, text in (FILES | {"shop-1.0.dist-info/RECORD": record}).items():
            content.writestr(name, text)
            if ".data" not in name:
                (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "site" / name).write_bytes(text)
    (tmp_path / "locks").mkdir()
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "locks/run.txt").write_text(
        f"numpy==2.3.0 \\\n    --hash=sha256:{'0' * 64}\nshop @ file:{WHEEL} \\\n    --hash=sha256:{sha256}\n"
    )
    return tmp_path


def unlike(project: Path) -> list[str]:
    return list(unlike_the_wheels(project, [str(project / "site")]))


def test_a_package_installed_from_the_wheel_is_alike(project: Path) -> None:
    assert unlike(project) == []


def test_an_edited_file_is_named(project: Path) -> None:
    (project / "site/shop/price.py").write_bytes(b"PRICE = 4\n")
    assert unlike(project) == [f"shop/price.py was changed where shop is installed: it is not as in {WHEEL}"]


def test_a_missing_file_and_a_missing_package_are_named(project: Path) -> None:
    (project / "site/shop/price.py").unlink()
    assert unlike(project) == [f"shop/price.py is missing where shop is installed, and {WHEEL} holds it"]
    (project / "site/shop-1.0.dist-info/METADATA").unlink()
    (project / "site/shop-1.0.dist-info/RECORD").unlink()
    (project / "site/shop-1.0.dist-info").rmdir()
    assert unlike(project) == [f"shop is not installed, and {WHEEL} holds it"]


def test_another_version_is_told_in_one_line(project: Path) -> None:
    metadata = project / "site/shop-1.0.dist-info/METADATA"
    metadata.write_bytes(metadata.read_bytes().replace(b"Version: 1.0", b"Version: 2.0"))
    assert unlike(project) == [f"shop 2.0 is installed, and {WHEEL} holds 1.0"]


def test_no_stage_runs_on_another_machinery_than_the_lock_file_names(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "dvc.yaml").touch()
    (project / "price.ipynb").touch()
    monkeypatch.chdir(project)
    with pytest.raises(Refusal, match=r"shop is not installed.*`make env` installs what locks/run\.txt names"):
        run(Path("price.ipynb"))
    with pytest.raises(Refusal, match="shop is not installed"):
        write_report(project)
    monkeypatch.syspath_prepend(project / "site")
    refuse_another_machinery(project)


def test_another_wheel_than_the_locked_one_is_refused(project: Path) -> None:
    with zipfile.ZipFile(project / WHEEL, "a") as content:
        content.writestr("shop/more.py", "")
    with pytest.raises(Refusal, match=r"not the file that locks/run\.txt names by its SHA-256"):
        unlike(project)
    (project / WHEEL).unlink()
    with pytest.raises(Refusal, match="which is not there"):
        unlike(project)


def test_verify_proves_nothing_where_the_machinery_is_not_the_wheels(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages:\n  price:\n    cmd: echo\n")
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n  price:\n    cmd: echo\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "made"]):
        subprocess.run(["git", *words], cwd=project, check=True)
    with pytest.raises(Refusal, match=r"shop is not installed.*nothing would be proved: `make env`.*--rebuild"):
        verify(project, Request(), lambda line: None)
