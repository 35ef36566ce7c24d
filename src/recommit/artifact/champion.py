"""Which model is the champion: the one that was promoted, and until then this commit's own baseline."""

from pathlib import Path


def champion(promoted: Path, baseline: Path) -> Path:
    """Return the folder of the champion: `promoted` where it holds a model, else `baseline`."""
    return promoted if (promoted / "model.onnx").is_file() else baseline
