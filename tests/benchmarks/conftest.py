"""The small project of the system tests, for the benchmarks' own."""

from tests.system.conftest import reproduced

__all__ = ["reproduced"]
