"""Text that Python can hold and UTF-8 cannot: lone surrogates, half of a character."""

import json
from typing import Any


def encodable(text: str) -> str:
    r"""`text` with each lone surrogate as its escape, `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_encodable(thing: Any) -> bool:
    """Whether UTF-8 can hold all text in `thing`, which JSON can hold."""
    try:
        json.dumps(thing, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True
