"""The compatibility list: each test states one thing, and docs/mongodb-compatibility.md is made of what they state."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

PARTS = {
    "test_talk": "Handshake and login",
    "test_ddl": "Databases, collections, indexes",
    "test_expiry": "Expiry",
    "test_documents": "Documents",
    "test_users": "Users and rights",
    "test_refused": "Refused here, though a real server does it",
}
_HEAD = """\
# What the sandbox's MongoDB does

`temoctl/sandbox/mongo` is a small server for pymongo and for the Node driver of n8n's MongoDB node. It does what stands
here, refuses every other command by name, and never answers `ok: 1` to something without effect. Each line is what one
test in `tests/sandbox/mongo` proves; this page is made of them (`python -m tests.sandbox.mongo`).

The same tests run against a real server, MongoDB 7.0 or newer, standalone or a replica set:

```
TEMOCTL_TEST_MONGODB_URI='mongodb://admin:…@127.0.0.1:27017/?authSource=admin' pytest tests/sandbox/mongo
```

They need a login with `readWriteAnyDatabase`, `dbAdminAnyDatabase` and `userAdminAnyDatabase`, make databases and users
called `temotrial_…` and remove them. Waiting for the TTL monitor takes some minutes there. **They have not been run
against a real server yet**: none can be had from a package registry.

Queries, updates and pipelines are evaluated by mongomock-ng, logins by scramp; operators and stages that aren't in the
lists of `queries.py` are refused before they reach it. It says that it is MongoDB 7.0 (wire version 21), standalone.
"""
_TAIL = """\
## Not to be seen here at all

Replica sets, elections and write concerns; sharding; TLS; compression; Atlas and its limits; how long a real server's
TTL monitor lags under load; query plans and speed (there are no real indexes: everything is looked through).
"""

T = TypeVar("T", bound=Callable[..., Any])


def states(words: str) -> Callable[[T], T]:
    """What a test proves, as the list says it."""

    def mark(test: T) -> T:
        test.__dict__["states"] = words
        return test

    return mark


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for module, title in PARTS.items():
        tests = vars(importlib.import_module(f"tests.sandbox.mongo.{module}"))
        rows = [(test.__dict__["states"], name) for name, test in tests.items() if hasattr(test, "states")]
        lines = [f"| {words} | `{name}` |" for words, name in rows]
        parts.append(
            "\n".join(
                [
                    f"## {title}",
                    "",
                    f"`tests/sandbox/mongo/{module}.py`",
                    "",
                    "| what | test |",
                    "|---|---|",
                    *lines,
                    "",
                ]
            )
        )
    return "\n".join([*parts, _TAIL])
