"""The eight kinds of objects temoctl keeps in Supabase/PostgreSQL, as data. Must not import psycopg or httpx.

`access` and `structure` are fields no blueprint writes: `normalise` gives them their right value, and observing says
what is wrong with rights and tables, so that what somebody changed by hand shows as drift and is put right.
"""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.model.identity import Identity
from temoctl.model.kind import Impact, Kind, ReplaceOrder
from temoctl.model.value import Props

SYSTEM = "supabase"
AS_GRANTED = "as granted"
AS_LOADED = "as loaded"
AS_MADE = "as made"

ARCHIVES = "archive"
BUCKETS = {"files": "knowledge-files", ARCHIVES: "archives"}
"""The part of a bucket's id -> the name of its resource. Buckets can't carry a marker: the id is all there is."""


def _with_access(props: Props) -> Props:
    return {"access": AS_GRANTED, **props}


def _table(props: Props) -> Props:
    """`file` only says where the rows come from; what they are is `digest`."""
    return {"structure": AS_LOADED, "options": {}, **{key: value for key, value in props.items() if key != "file"}}


def _sessions(props: Props) -> Props:
    return {"structure": AS_MADE, **props}


def _standing(props: Props) -> Props:
    return {"why": "", "until": "", "since": "", **props}


def _file(props: Props) -> Props:
    return {key: value for key, value in props.items() if key != "file"}


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            SYSTEM,
            "sessions",
            "shared conversation tables",
            Identity.CHOSEN,
            immutable=frozenset({"schema"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS},
            reversible=False,
            data=True,
            normalise=_sessions,
        ),
        Kind(
            SYSTEM,
            "bucket",
            "file store",
            Identity.CHOSEN,
            immutable=frozenset({"id"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS},
            reversible=False,
            data=True,
        ),
        Kind(
            SYSTEM,
            "schema",
            "knowledge base",
            Identity.CHOSEN,
            immutable=frozenset({"schema", "role"}),
            write_only=frozenset({"password"}),
            probe_secrets=frozenset({"password"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS, "password": Impact.PAUSE},
            reversible=False,
            data=True,
            normalise=_with_access,
        ),
        Kind(
            SYSTEM,
            "seat",
            "conversation store",
            Identity.CHOSEN,
            immutable=frozenset({"sessions", "role", "tenant_uid"}),
            write_only=frozenset({"password"}),
            probe_secrets=frozenset({"password"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS, "password": Impact.PAUSE},
            reversible=False,
            data=True,
            normalise=_with_access,
        ),
        Kind(
            SYSTEM,
            "standing",
            "service",
            Identity.CHOSEN,
            immutable=frozenset({"sessions", "tenant_uid"}),
            impact={"state": Impact.CUSTOMERS},
            normalise=_standing,
        ),
        Kind(
            SYSTEM,
            "table",
            "knowledge table",
            Identity.CHOSEN,
            immutable=frozenset({"schema", "table"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS, "digest": Impact.CUSTOMERS},
            reversible=False,
            data=True,
            ready=120.0,
            normalise=_table,
        ),
        Kind(
            SYSTEM,
            "file",
            "source file",
            Identity.CHOSEN,
            immutable=frozenset({"bucket", "path", "digest"}),
            replace=ReplaceOrder.CREATE_FIRST,
            normalise=_file,
        ),
        Kind(
            SYSTEM,
            "archive",
            "archive",
            Identity.CHOSEN,
            immutable=frozenset({"bucket", "path"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS},
            reversible=False,
            data=True,
        ),
    )
}
