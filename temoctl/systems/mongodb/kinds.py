"""The three kinds of objects temoctl keeps in MongoDB, as data. Must not import pymongo.

`structure` and `access` are fields no blueprint writes: `normalise` gives them their right value, and observing says
what is wrong with an index or a right, so that what somebody changed by hand shows as drift and is put right.
"""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.model.identity import Identity
from temoctl.model.kind import Impact, Kind
from temoctl.model.value import Props

SYSTEM = "mongodb"
AS_GRANTED = "as granted"
AS_MADE = "as made"


def _with_structure(props: Props) -> Props:
    return {"structure": AS_MADE, **props}


def _with_access(props: Props) -> Props:
    return {"access": AS_GRANTED, **props}


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            SYSTEM,
            "database",
            "conversation history",
            Identity.CHOSEN,
            immutable=frozenset({"name"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS},
            reversible=False,
            data=True,
            ready=0.0,
            calls=1,  # the registry inside it
        ),
        Kind(
            SYSTEM,
            "collection",
            "kept messages",
            Identity.CHOSEN,
            immutable=frozenset({"database", "name"}),
            impact={"delete": Impact.DATA_LOSS, "replace": Impact.DATA_LOSS},
            reversible=False,
            data=True,
            ready=180.0,  # MongoDB looks for what is too old once a minute, and takes longer under load
            calls=4,  # the registry, the collection, its indexes, and what a shorter retention would cost
            normalise=_with_structure,
        ),
        Kind(
            SYSTEM,
            "user",
            "login to the history",
            Identity.CHOSEN,
            immutable=frozenset({"database", "user"}),
            write_only=frozenset({"password"}),
            probe_secrets=frozenset({"password"}),
            impact={"delete": Impact.PAUSE, "replace": Impact.PAUSE, "password": Impact.PAUSE},
            ready=0.0,
            normalise=_with_access,
        ),
    )
}
