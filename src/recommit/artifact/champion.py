"""Which model is the champion: the one that was promoted, and until then this commit's own baseline."""

from pathlib import Path

from recommit.artifact.manifest import read_manifest


def champion(promoted: Path, baseline: Path) -> Path:
    """Return the folder of the champion: `promoted` where it holds a model that answers what `baseline` does.

    Else it is `baseline`: a model of an earlier target, kind of answer, outcomes, classes or unit cannot be compared.
    Raises Refusal where one of two manifests cannot be read.
    """
    if not (promoted / "model.onnx").is_file():
        return baseline
    manifests = [folder / "manifest.json" for folder in (promoted, baseline)]
    if not all(manifest.is_file() for manifest in manifests):
        return promoted
    earlier, now = map(_asked, manifests)
    return promoted if earlier == now else baseline


def _asked(manifest: Path) -> tuple[str, dict[str, object]]:
    """The target, and what an answer is one of."""
    read = read_manifest(manifest)
    return read.target, read.task.model_dump(include={"kind", "outcomes", "classes", "unit"})
