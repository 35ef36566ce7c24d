"""Numbers that somebody typed into a document, where they grow stale: they belong to evidence, params and hashes."""

import re

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PLACES = re.compile(r"\[\d+\]|[A-Za-z_]\w*")
_YEAR = r"(?:19|20)\d\d(?![\w%]|[.,-]\d|\s*%)"
# What may hold digits and is no figure: an address; a name of the code in backticks; a licence's version; and a year,
# in parentheses or after a capitalised word (Gebru, a month), "al." or one of a few small words.
_ALLOWED = re.compile(
    r"https?://\S+"
    r"|`[A-Za-z_][\w./@-]*`"
    r"|\bCC(?:0|[ -](?:0|BY[-A-Z]*))(?:\s\d\.\d)?\b"
    rf"|(?:\b(?:[A-Z]\w+|al\.|in|of|for|since|until|from|to|year)\s+\(?|\(){_YEAR}"
)
_NUMBER = re.compile(r"\S*\d\S*")
_WORDS = re.compile(
    r"\b(?:(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|eleven|twelve"
    r"|dozens?|hundred(?:th)?s?|thousand(?:th)?s?|millions?|tenths?|per ?cent)\b",
    re.IGNORECASE,
)


def numbers(text: str) -> list[str]:
    """The numbers typed into a text, each with what it is attached to: `0.764,`, `26.3`.

    A placeholder's digits count too, save in a name or as a place in a list: `{{ 0.764 }}` is typed as well. So do
    large numbers and shares in words, "some thirty days", "a tenth": small ones, "two hours", are not seen.
    """
    hidden = [part for inside in _PLACEHOLDER.findall(text) for part in _NUMBER.findall(_PLACES.sub(" ", inside))]
    plain = _ALLOWED.sub(" ", _PLACEHOLDER.sub(" ", text))
    return _NUMBER.findall(plain) + _WORDS.findall(plain) + hidden
