"""Text that Python can hold and UTF-8 cannot: lone surrogates, which are halves of a character."""

import json
from typing import Any


def encodable(text: str) -> str:
    r"""Returns `text` with each lone surrogate replaced by its escape, such as `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_encodable(thing: Any) -> bool:
    """Returns whether UTF-8 can hold all text in `thing`, a value as JSON has them."""
    try:
        json.dumps(thing, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True
