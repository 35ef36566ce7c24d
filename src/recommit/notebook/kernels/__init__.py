"""The kernel spec that stages and Jupyter share: its environment makes results repeat."""

from pathlib import Path

KERNEL = Path(__file__).parent / "recommit"
"""The folder of the spec; its name is the kernel's."""
