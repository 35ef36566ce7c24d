"""A commit that somebody else made is read, and nothing outside the project is written or read for it."""

import subprocess
from pathlib import Path

import pytest
import yaml

from recommit import Refusal
from recommit.lineage.export.rocrate import METADATA, write_crate
from recommit.lineage.text import lines
from recommit.lineage.trace import trace
from recommit.project.hashes import md5_of, md5_of_folder
from tests.recommit.lineage.conftest import Shop

ASTRAY = [
    ["src", "..", "..", "pwned.py"],
    ["src/../../pwned.py"],
    ["src", ".", "pwned.py"],
    ["/pwned.py"],
    ["src//pwned.py"],
    ["..", "pwned.dvc"],
    ["src", ".git", "config"],
    [".GIT", "hooks", "post-checkout"],
]


def plant(shop: Shop, names: list[str]) -> None:
    """Commit a tree with a file beneath these names, which no `git add` would take."""
    blob = shop.git("hash-object", "-w", "src/shop/sources.py")
    top = _graft(shop, shop.git("rev-parse", "HEAD^{tree}"), names, blob)
    shop.git("update-ref", "HEAD", shop.git("commit-tree", top, "-p", "HEAD", "-m", "planted"))


def _graft(shop: Shop, tree_id: str, names: list[str], blob: str) -> str:
    lines = shop.git("ls-tree", tree_id).splitlines() if tree_id else []
    rows = {name: about.split() for about, _, name in (line.partition("\t") for line in lines)}
    inside = rows.get(names[0], ["", "", ""])[2]
    one = ["100644", "blob", blob] if len(names) == 1 else ["40000", "tree", _graft(shop, inside, names[1:], blob)]
    entries = (rows | {names[0]: one}).items()
    raw = b"".join(f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(made) for name, (mode, _, made) in entries)
    command = ["git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    return subprocess.run(command, cwd=shop.folder, input=raw, capture_output=True, check=True).stdout.decode().strip()


def names_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("names", ASTRAY, ids="|".join)
def test_a_commit_with_a_path_that_leads_out_is_refused_and_nothing_is_written(
    shop: Shop, tmp_path: Path, names: list[str]
) -> None:
    plant(shop, names)
    place = tmp_path / "out" / "deep"
    place.mkdir(parents=True)
    before = names_below(tmp_path), names_below(shop.folder)
    with pytest.raises(Refusal, match=f"holds the path '.*{names[-1]}', which leads out of the project"):
        write_crate(trace(shop.folder, "models/fits/tree.onnx"), place / "crate")
    assert (names_below(tmp_path), names_below(shop.folder)) == before
    assert (names_below(tmp_path / "out"), names_below(place)) == (["deep"], [])


def lock_with(shop: Shop, stage: str, **more: list[dict[str, str]]) -> None:
    """Commit a dvc.lock in which a stage has more deps or outs."""
    lock = yaml.safe_load((shop.folder / "dvc.lock").read_text())
    for section, entries in more.items():
        lock["stages"][stage][section] += entries
    shop.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    shop.git("commit", "--quiet", "--all", "--message", "by hand")


@pytest.fixture
def secret(shop: Shop) -> Path:
    """A folder beside the project, with one file."""
    folder = shop.folder.parent / "secret"
    folder.mkdir()
    (folder / "key.csv").write_text("order,word\nb-1,hush\n")
    return folder


def test_what_a_stage_read_or_made_outside_the_project_is_named_and_not_read(
    shop: Shop, tmp_path: Path, secret: Path
) -> None:
    folder = md5_of_folder({"key.csv": md5_of(secret / "key.csv")})
    there = {"path": "../secret", "md5": folder}
    lock_with(
        shop,
        "predict",
        deps=[there, {"path": "s3://bucket/raw.csv", "etag": "0a1b"}, {"path": "/srv/raw.csv", "md5": "0" * 32}],
        outs=[{"path": "../made", "md5": "0" * 32 + ".dir"}],
    )
    found = trace(shop.folder, "data/predictions/upcoming.parquet:b-1")
    step = next(step for step in found.steps if step.stage == "predict")
    outside = {item.path for item in (*step.code, *step.data, *step.outs) if item.kept == "outside"}
    assert outside == {"../secret", "s3://bucket/raw.csv", "/srv/raw.csv", "../made"}
    assert found.shot.listing("../secret", folder) is None
    assert found.shot.content("../secret/key.csv", md5_of(secret / "key.csv")) is None
    assert f"../secret {folder[:8]}/ (outside the project, not read)" in " ".join("\n".join(lines(found)).split())
    write_crate(trace(shop.folder, "data/predictions/upcoming.parquet"), tmp_path / "crate")
    said = (tmp_path / "crate" / METADATA).read_text()
    assert "/..%2Fsecret/" in said
    assert "hush" not in said


def test_what_dvc_added_outside_the_project_is_named_and_not_read(shop: Shop, secret: Path) -> None:
    folder = md5_of_folder({"key.csv": md5_of(secret / "key.csv")})
    shop.write("data.dvc", yaml.safe_dump({"outs": [{"path": "../secret", "md5": folder, "hash": "md5"}]}))
    shop.write("up.dvc", yaml.safe_dump({"outs": [{"path": "../../..", "md5": "0" * 32 + ".dir", "hash": "md5"}]}))
    shop.commit()
    found = trace(shop.folder, "../secret")
    assert (found.thing.path, found.thing.md5) == ("../secret", folder)
    with pytest.raises(Refusal, match="knows no such file"):
        trace(shop.folder, "../secret/key.csv")
