"""Makes the HTML of a notebook readable: tables that scroll in a box of their own, short hashes, aligned text."""

import re

from bs4 import BeautifulSoup, Tag
from markupsafe import Markup, escape

_HASH = re.compile(r"(?<![\w/.-])([0-9a-f]{8})([0-9a-f]{24,56})(?!\w)")
_ENDS = re.compile(r"\[[-∞\d][^\[\] ]*(?: %)?, [-∞\d][^\[\] ]*(?: %)?\]")
_NUMBER = re.compile(r"[-+−]?[\d,.]+(e[-+]?\d+)?\s*(%|KiB)?(\s*\[[^\]]*\])?|nan|inf|-|–|", re.IGNORECASE)


def in_cell(text: object) -> Markup:
    """Return the `text` of a cell as HTML: the ends of an interval stay on one line, and a hash shows its first digits.

    The whole hash is shown on hover, and copied.
    """
    short = _HASH.sub(r'<code class="hash" title="\1\2">\1<span>\2</span></code>', str(escape(text)))
    return Markup(_ENDS.sub(r'<span class="ends">\g<0></span>', short))


def commands(text: str) -> Markup:
    """Return `text` as HTML in which what stands in backquotes is a command or a name in code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def readable(body: str) -> str:
    """Return the HTML `body` of a notebook with its tables and code made readable, by mouse, keyboard and ear.

    A table stands in a box of its own, which scrolls where the page is too narrow. It has no index that only counts;
    heads say of what they are; texts are aligned left and numbers right. Styles that a library brings are left out.
    """
    soup = BeautifulSoup(body, "html.parser")
    for style in soup.find_all("style"):
        style.decompose()
    for number, table in enumerate(soup.find_all("table"), start=1):
        _tidy(table)
        table.wrap(_box(soup, f"Table {number}"))
    for code in soup.find_all("pre"):
        code.attrs |= {"tabindex": "0", "role": "region", "aria-label": "Code" if code.find("span") else "Output"}
    return str(soup)


def _box(soup: BeautifulSoup, label: str) -> Tag:
    return soup.new_tag("div", attrs={"class": "wide", "tabindex": "0", "role": "region", "aria-label": label})


def _tidy(table: Tag) -> None:
    table.attrs = {}
    rows = [list(row.find_all(["th", "td"])) for row in table.find_all("tr")]
    heads = len(rows) - len(table.select("tbody tr"))
    head, body = rows[:heads], rows[heads:]
    if _counts(body, head):
        for row in rows:
            row.pop(0).decompose()
    for cell in (cell for row in rows for cell in row):
        cell.attrs = {name: value for name, value in cell.attrs.items() if name in ("colspan", "rowspan")}
    for row in head:
        for cell in row:
            _name(cell, "col")
    for row in body:
        for cell in row:
            if cell.name == "th":
                cell["scope"] = "row"
            elif not _NUMBER.fullmatch(cell.get_text(strip=True)):
                cell["class"] = "text long" if len(cell.get_text(strip=True)) > 40 else "text"
    _align_heads(head, body)
    for cell in (
        cell for row in body for cell in row if _HASH.search(cell.get_text()) or _ENDS.search(cell.get_text())
    ):
        short = BeautifulSoup(in_cell(cell.get_text()), "html.parser")
        cell.clear()
        cell.append(short)


def _counts(body: list[list[Tag]], head: list[list[Tag]]) -> bool:
    """Return whether the first column is an index that only counts: whole numbers, one after the other, and no name."""
    first = [row[0] for row in body if row]
    numbers = [cell.get_text(strip=True) for cell in first]
    if not numbers or any(cell.name != "th" for cell in first) or not all(map(str.isdecimal, numbers)):
        return False
    counted = [int(number) for number in numbers]
    unnamed = not any(row[0].get_text(strip=True) for row in head if row)
    return unnamed and counted == list(range(counted[0], counted[0] + len(counted)))


def _name(cell: Tag, scope: str) -> None:
    """Say of what a head is; an empty one is a cell like others."""
    if cell.get_text(strip=True):
        cell["scope"] = scope
    else:
        cell.name = "td"


def _align_heads(head: list[list[Tag]], body: list[list[Tag]]) -> None:
    """Align the last row of heads as the cells below them, and so the cells of a column alike."""
    for place, cell in enumerate(head[-1] if head else ()):
        column = [row[place] for row in body if len(row) == len(head[-1])]
        if any(one.name == "th" or "text" in str(one.get("class")) for one in column):
            cell["class"] = "text"
            for one in column:
                if one.name == "td" and not one.get("class"):
                    one["class"] = "text"
