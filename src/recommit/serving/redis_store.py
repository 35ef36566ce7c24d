"""Keeps events in Redis, which workers on several machines share."""

import secrets
from collections.abc import Sequence
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recommit import Refusal
from recommit.serving.store import Place, Unkept

_ANSWER_SECONDS = 1.0
"""How long Redis may take to answer before a call gets 503; all wait meanwhile."""
_TURN_SECONDS = 30
"""How long a worker that has died keeps others from taking events."""
_KEEP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for place = 4, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[place]) end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[3], ARGV[2], ARGV[3]) end
redis.call('DEL', KEYS[1])
return 1
"""
"""Keeps events only of the worker whose turn it still is: all of them or none."""
_DROP = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
Method = TypeVar("Method")


def _or_unkept(method: Method) -> Method:
    """Lets a method raise `Unkept` where Redis does not do what it is asked for."""

    @wraps(method)  # type: ignore[arg-type]
    def told(*given: Any) -> Any:
        try:
            return method(*given)  # type: ignore[operator]
        except redis.RedisError as error:
            raise Unkept(type(error).__name__) from error

    return cast("Method", told)


class RedisStore:
    """A store in the database of Redis that a URL names, for one problem."""

    def __init__(self, url: str, problem: str) -> None:
        """Connect. Raises `Refusal` where nobody answers at `url`, or what is kept would not stay over a crash."""
        self._mine = secrets.token_hex(16)
        self._turn, self._events, self._followed, self._name = (
            f"recommit:{problem}:{what}" for what in ("turn", "events", "followed", "name")
        )
        where = "the URL"
        try:
            named = urlsplit(url)
            where = f"{named.hostname}:{named.port or 6379}" if named.hostname else named.path
            self._redis = redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=_ANSWER_SECONDS,
                socket_connect_timeout=_ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 1),  # once: a connection of before a restart is no longer one
            )
            lost = _lost_in_a_crash(self._redis)
            self._redis.set(self._name, secrets.token_hex(16), nx=True)
            self._named = self._redis.get(self._name)
        except redis.RedisError as error:
            why = type(error).__name__
            raise Refusal(
                f"no Redis answers at {where} ({why}): start it, or name another URL or a file with --store"
            ) from None
        except ValueError:
            raise Refusal("--store is no URL of Redis: name one like redis://HOST:6379/0, or a file") from None
        if lost:
            raise Refusal(f"Redis at {where} would lose events in a crash: set {lost} there")

    @_or_unkept
    def since(self, number: int) -> list[tuple[int, str]]:
        """As the store does it."""
        asked = self._redis.pipeline()
        asked.get(self._name)
        asked.lrange(self._events, number, -1)
        named, said = asked.execute()
        self._refuse_other(named)
        return list(enumerate(said, number + 1))

    @_or_unkept
    def begin(self) -> None:
        """As the store does it."""
        self._refuse_other(self._redis.get(self._name))
        if not self._lock.acquire(token=self._mine):
            raise Unkept("another worker keeps events, and does not end")

    @_or_unkept
    def keep(self, events: Sequence[str], followed: tuple[str, Place] | None = None) -> None:
        """As the store does it."""
        file, place = (followed[0], "{} {}".format(*followed[1])) if followed else ("", "")
        keys = self._turn, self._events, self._followed
        if not self._redis.eval(_KEEP, len(keys), *keys, self._mine, file, place, *events):
            raise Unkept("it took too long, and another worker's turn has come")

    @_or_unkept
    def drop(self) -> None:
        """As the store does it."""
        self._redis.eval(_DROP, 1, self._turn, self._mine)

    @_or_unkept
    def place(self, file: str) -> Place:
        """As the store does it."""
        inode, at = str(self._redis.hget(self._followed, file) or "0 0").split()
        return int(inode), int(at)

    @property
    def _lock(self) -> Any:
        return self._redis.lock(
            self._turn, timeout=_TURN_SECONDS, blocking_timeout=_ANSWER_SECONDS * 10, sleep=0.005, thread_local=False
        )

    def _refuse_other(self, named: object) -> None:
        """Raises `Unkept` where Redis was emptied, or is another one: what is kept is not what is known here."""
        if named != self._named:
            raise Unkept("it was emptied, or is another one")


def _lost_in_a_crash(server: "redis.Redis") -> str:
    """What is to be set so that nothing is lost; "" where all is, or where the host does not tell how it is set."""
    try:
        found: dict[str, str] = cast("Any", server.config_get("append*"))
    except redis.ResponseError:
        return ""
    wanted = {"appendonly": "yes", "appendfsync": "always"}
    return ", ".join(f"{name} {value}" for name, value in wanted.items() if found.get(name) != value)
