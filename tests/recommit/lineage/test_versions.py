"""Lineage follows the versions and stages that the registry has, and says where their tags are not in order."""

import pytest

from recommit import Refusal
from recommit.lineage.text import lines
from recommit.lineage.trace import Lineage, as_json, trace
from tests.recommit.lineage.conftest import Shop


def text(found: Lineage) -> str:
    return "\n".join(lines(found))


def refused(shop: Shop, thing: str, rev: str | None = None) -> str:
    with pytest.raises(Refusal) as refusal:
        trace(shop.folder, thing, rev)
    return str(refusal.value)


def retrain(shop: Shop, mark: bytes = b"a better tree") -> str:
    shop.model("models/candidate", mark)
    return shop.commit("retrained")


def test_a_version_leads_to_the_commit_that_its_tag_names(shop: Shop) -> None:
    first = shop.git("rev-parse", "HEAD")
    shop.promote("v1.0.0")
    retrain(shop)
    for name in ("shop@v1.0.0", "shop@v1", "shop@prod"):
        found = trace(shop.folder, name)
        assert (found.shot.sha, found.thing.name, found.thing.path) == (first, "shop@v1.0.0", "models/candidate")
        assert found.steps[-1].stage == "select"
        assert found.warnings == ()
    assert "leave --rev out" in refused(shop, "shop@v1", "HEAD")


@pytest.mark.parametrize("which", ["v2", "v1.0", "v1.0.1", "v01"])
def test_what_the_registry_does_not_take_for_a_version_is_none(shop: Shop, which: str) -> None:
    shop.promote("v1.0.0")
    assert f"shop has no version {which}; registered: v1.0.0" in refused(shop, f"shop@{which}")


def test_a_stage_follows_its_newest_assignment(shop: Shop) -> None:
    shop.promote("v1.0.0")
    retrain(shop)
    shop.promote("v2.0.0")
    assert trace(shop.folder, "shop@prod").thing.name == "shop@v2.0.0"


@pytest.mark.parametrize("tag", ["shop#prod#3", "shop#prod!#3"])
def test_a_stage_tag_without_a_record_changes_nothing_and_is_a_warning(shop: Shop, tag: str) -> None:
    shop.promote("v1.0.0")
    retrain(shop)
    shop.promote("v2.0.0")
    shop.tag(tag, "shop@v1.0.0")
    found = trace(shop.folder, "shop@prod")
    assert found.thing.name == "shop@v2.0.0"
    assert [words.partition(":")[0] for words in found.warnings] == [f"{tag} holds no record of its evidence"]


@pytest.mark.parametrize("tag", ["shop@v1.0.0!", "shop@v1.0.0!#2"])
def test_a_version_that_gto_took_away_is_followed_with_a_warning(shop: Shop, tag: str) -> None:
    shop.promote("v1.0.0")
    shop.tag(tag, "shop@v1.0.0")
    [words] = trace(shop.folder, "shop@v1").warnings
    assert f"{tag} holds no record of its evidence" in words
    shop.commit("predicted with the new champion")
    assert trace(shop.folder, "data/predictions/upcoming.parquet").same_as == ()


def move(shop: Shop, tag: str, commit: str) -> None:
    """Put a tag on another commit, with the message that it had."""
    shop.tag(tag, commit, shop.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}"))


def test_a_version_whose_tag_was_moved_is_followed_with_a_warning(shop: Shop) -> None:
    first = shop.git("rev-parse", "HEAD")
    shop.promote("v1.0.0")
    moved = retrain(shop)
    move(shop, "shop@v1.0.0", moved)
    words = f"shop@v1.0.0 was moved: it was made for commit {first[:10]} and is on {moved[:10]}"
    for name in ("shop@v1", "shop@prod"):
        found = trace(shop.folder, name)
        assert found.shot.sha == moved
        assert f"warning: {words}" in text(found).splitlines()
        assert words in as_json(found)["warnings"]
    assert words in trace(shop.folder, "shop@v1", forward=True).warnings
    assert trace(shop.folder, "data/predictions/upcoming.parquet").same_as == ()


def test_a_version_whose_tag_is_a_copy_is_followed_with_a_warning(shop: Shop) -> None:
    shop.promote("v1.0.0")
    retrain(shop)
    shop.git("update-ref", "refs/tags/shop@v2.0.0", shop.git("rev-parse", "refs/tags/shop@v1.0.0"))
    [words] = trace(shop.folder, "shop@v2").warnings
    assert "is a copy: shop@v1.0.0 was made with this record" in words


def test_a_version_without_a_record_is_followed_with_a_warning(shop: Shop) -> None:
    shop.git("tag", "shop@v1.0.0")
    [words] = trace(shop.folder, "shop@v1").warnings
    assert "shop@v1.0.0 holds no record of its evidence" in words


def test_a_stage_whose_tag_was_moved_is_followed_with_a_warning(shop: Shop) -> None:
    shop.promote("v1.0.0")
    retrain(shop)
    shop.promote("v2.0.0")
    assert trace(shop.folder, "shop@prod").warnings == ()
    move(shop, "shop#prod#2", "shop@v1.0.0")
    assert any("shop#prod#2 was moved" in words for words in trace(shop.folder, "shop@prod").warnings)
    assert trace(shop.folder, "shop@v2").warnings == ()


def test_a_stage_of_a_version_whose_tag_is_not_here_leads_nowhere(shop: Shop) -> None:
    shop.promote("v1.0.0")
    shop.git("tag", "--delete", "shop@v1.0.0")
    assert refused(shop, "shop@prod").startswith("no version of shop has the stage prod; registered: none")


def test_the_champion_is_known_as_the_version_that_it_is_a_copy_of(shop: Shop) -> None:
    shop.promote("v1.0.0")
    shop.commit("predicted with the new champion")
    found = trace(shop.folder, "data/predictions/upcoming.parquet")
    assert found.same_as == (("models/champion", "shop@v1.0.0"),)
    assert "models/champion is byte for byte shop@v1.0.0" in text(found)
    assert trace(shop.folder, "models/champion/model.onnx").same_as == (("models/champion/model.onnx", "shop@v1.0.0"),)


def test_a_champion_that_was_there_before_any_version_is_none(shop: Shop) -> None:
    shop.tag("shop@v1.0.0")
    assert trace(shop.folder, "data/predictions/upcoming.parquet").same_as == ()


def test_a_row_leads_to_the_version_that_it_names_with_a_warning_where_its_tag_was_moved(shop: Shop) -> None:
    shop.promote("v1.0.0")
    names = {"model": ["shop"], "version": ["v1.0.0"]}
    shop.table("data/predictions/upcoming.parquet", order=["a-2"], probability=[0.2], **names)
    moved = shop.commit("predicted")
    move(shop, "shop@v1.0.0", moved)
    found = trace(shop.folder, "data/predictions/upcoming.parquet:a-2")
    assert found.model is not None
    assert found.model.thing.name == "shop@v1.0.0"
    assert "warning: shop@v1.0.0 was moved" in text(found)


def test_a_row_that_names_a_version_that_is_not_registered_is_refused(shop: Shop) -> None:
    shop.promote("v1.0.0")
    names = {"model": ["shop"], "version": ["v2.0.0"]}
    shop.table("data/predictions/upcoming.parquet", order=["a-2"], probability=[0.2], **names)
    shop.commit("predicted")
    assert "shop has no version v2.0.0; registered: v1.0.0" in refused(shop, "data/predictions/upcoming.parquet:a-2")


def test_a_project_that_names_no_model_has_files_and_metrics_and_no_versions(shop: Shop) -> None:
    shop.promote("v1.0.0")
    pipeline = (shop.folder / "dvc.yaml").read_text()
    shop.write("dvc.yaml", pipeline.replace("artifacts:\n  shop: {path: models/candidate, type: model}\n", ""))
    shop.commit("no artifacts")
    assert trace(shop.folder, "reports/metrics/outcome.json:candidate.auc").thing.value == 0.75
    assert trace(shop.folder, "data/predictions/upcoming.parquet:a-2").model is not None
    assert "artifacts: no entry has the path models/candidate" in refused(shop, "shop@prod")
