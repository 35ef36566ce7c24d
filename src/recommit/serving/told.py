"""Events as JSON: what became known of a row, as it is sent, and as it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from recommit.columns import Table
from recommit.events import Event
from recommit.serving.refused import shown

PARTS = ("table", "key", "instant", "values")


@dataclass(frozen=True)
class Told(Event):
    """An event, and its place among those that were told with it, from 0."""

    place: int = 0


def event_of(said: Any, declared: Mapping[str, Table], place: int = 0) -> Told:
    """Returns the event that JSON says; its values are judged where it is taken. Raises ValueError, in one line.

    As JSON it is an object with `table`, `key` (the key's columns with their values), `instant`, and `values`.
    """
    if type(said) is not dict or said.keys() != {*PARTS}:
        found = f"the keys {', '.join(map(shown, said))}" if type(said) is dict and said else shown(said)
        raise ValueError(f"found {found}, expected an object with {', '.join(PARTS)}")
    name, key, instant, values = (said[part] for part in PARTS)
    table = declared.get(name) if type(name) is str else None
    if table is None:
        raise ValueError(f"table: found {shown(name)}, expected one of {', '.join(declared)}")
    if type(key) is not dict or key.keys() != {*table.keys[0]}:
        raise ValueError(f"key: found {shown(key)}, expected an object with {', '.join(table.keys[0])}")
    if type(instant) is not str:
        raise ValueError(f"instant: found {shown(instant)}, expected an instant with its time zone")
    if type(values) is not dict:
        raise ValueError(f"values: found {shown(values)}, expected an object with columns of {name}")
    return Told(name, tuple(key[one] for one in table.keys[0]), instant, values, place)  # type: ignore[arg-type]


def said_of(event: Event, declared: Mapping[str, Table]) -> str:
    """Returns an event that was taken as JSON, which `event_of` reads again."""
    key = dict(zip(declared[event.table].keys[0], event.key, strict=True))
    values = {name: value for name, value in event.values.items() if name not in key}
    said = {"table": event.table, "key": key, "instant": event.instant, "values": values}
    return orjson.dumps(said, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError
