"""A database that misbehaves on request: wraps any `Sql`, counts what reached it, and fails as a fault says."""

from __future__ import annotations

from typing import Any

from temoctl.model.errors import Refused, Retryable, Unavailable, UnknownOutcome
from temoctl.systems.fake_http import Fault

READS = frozenset({"identity", "look", "try_reader", "try_seat"})
WRITES = frozenset(
    {
        "put_base",
        "drop_base",
        "load_table",
        "note_table",
        "drop_table",
        "put_sessions",
        "drop_sessions",
        "put_seat",
        "drop_seat",
        "put_standing",
        "drop_standing",
    }
)


class FaultySql:
    """Behaves like the database it wraps, apart from its faults."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.faults: list[Fault] = []
        self.reads = 0
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name in READS:
            return self._read(method)
        return self._write(method) if name in WRITES else method

    def _read(self, method: Any) -> Any:
        async def call(*args: Any) -> Any:
            self.reads += 1
            fault = self._next(write=False)
            if fault in ("refuse", "500-before", "500-after", "lost"):
                raise Unavailable("TEMO710", "the database can't be reached")
            if fault == "denied":
                raise Refused("TEMO714", "the database refuses", fix="check the login")
            return await method(*args)

        return call

    def _write(self, method: Any) -> Any:
        async def call(*args: Any) -> Any:
            fault = self._next(write=True)
            if fault == "refuse":
                raise Retryable("TEMO713", "the database can't be reached")
            if fault == "500-before":
                raise UnknownOutcome("TEMO712", "the database gave no answer")
            if fault == "denied":
                raise Refused("TEMO714", "the database refuses", fix="check the login")
            done = await method(*args)
            self.writes += 1
            if fault in ("lost", "500-after"):
                raise UnknownOutcome("TEMO712", "the database gave no answer")
            return done

        return call

    def _next(self, *, write: bool) -> str:
        for fault in self.faults:
            if fault.count == 0 or (fault.writes and not write):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.count > 0:
                fault.count -= 1
            return fault.kind
        return ""
