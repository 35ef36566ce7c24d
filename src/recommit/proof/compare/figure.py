"""Compares two pictures by their pixels."""

import base64
import io

import numpy as np
from PIL import Image

from recommit.proof.compare.comparison import Comparison, different, reading
from recommit.proof.tolerance import Tolerance


def _pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise ValueError("it is animated")
        if b"IEND" not in content[-8:]:
            raise ValueError("it is cut short")
        deep = picture.mode.startswith(("I", "F"))
        pixels = np.asarray(picture if deep else picture.convert("RGBA"), dtype="float64")
    return pixels.reshape(*pixels.shape[:2], -1)


@reading("PNG", _pixels)
def compare_figures(before: np.ndarray, after: np.ndarray, tolerance: Tolerance) -> Comparison:
    """Compares two PNG files: their size, then the root-mean-square distance of all pixels.

    Pixels of up to 8 bits a channel are compared as RGBA with values from 0 to 255, deeper ones as they are.
    """
    if before.shape != after.shape:
        return different(_size(before), _size(after))
    squares = np.square(before - after)
    distance = float(np.sqrt(squares.mean()))
    if not distance:
        return Comparison("equal", "the same pixels, in another file")
    row, column = np.unravel_index(squares.max(axis=2).argmax(), squares.shape[:2])
    where = f"pixels are {distance:.2g} of 255 apart (root mean square), most at x {column}, y {row}"
    if distance <= tolerance.figures:
        return Comparison("equal", where)
    return Comparison("different", f"{where}; allowed {tolerance.figures:g}")


@reading("base64", base64.b64decode)
def compare_encoded_figures(was: bytes, now: bytes, tolerance: Tolerance) -> Comparison:
    """Compares two PNG files in base64, as notebooks and pages contain them."""
    return compare_figures(was, now, tolerance)


def _size(pixels: np.ndarray) -> str:
    height, width, channels = pixels.shape
    return f"{width} x {height} pixels" + (" of one deep channel" if channels == 1 else "")
