"""Archives: what a tenant's conversations said before they were forgotten, in parts. Knows no HTTP.

An archive is a head, which says whose it is, and any number of parts. A part is called by the key of its last line, so
that the list of names tells how far the archive goes, and nothing is kept twice. All names are flat and begin with
the installation: `<installation>.head.<uid>.<name>.json`, `<installation>.part.<uid>.<name>.<key>.jsonl`. Only the
heads are listed when the fleet is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from temoctl.engine.ports import Permit
from temoctl.engine.protocol import Call, Outcome, Target, Verb
from temoctl.model.address import Address
from temoctl.model.errors import Conflict
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import canonical, digest
from temoctl.systems.marked import Tenants, text
from temoctl.systems.supabase.storage_client import StorageApi, StoredFile

KIND = "archive"
LINES = "application/x-ndjson"
SWEEP = 500
"""Parts removed in one call."""

_HEAD = re.compile(r"(?P<installation>[a-z0-9]{10})\.head\.(?P<uid>[a-z0-9]{16})\.(?P<name>[a-z0-9][a-z0-9-]*)\.json")
_KEY = re.compile(r"[0-9a-z-]{1,60}")


@dataclass(frozen=True, slots=True)
class Heads:
    """What a listing showed: the heads in each bucket. `loose` are targets of whose archive only parts are left."""

    files: dict[str, Sequence[StoredFile]] = field(default_factory=dict)
    loose: frozenset[Address] = frozenset()


class ArchiveRoom:
    """Kind `archive`, and keeping what goes into one."""

    def __init__(self, api: StorageApi) -> None:
        self._api = api

    async def look(self, buckets: Iterable[str], owners: Sequence[Owner]) -> Heads:
        """The owners' heads in these buckets: one listing each."""
        found: dict[str, Sequence[StoredFile]] = {}
        for bucket in sorted(buckets):
            for start in sorted({f"{owner.installation}.head." for owner in owners}):
                listed = await self._api.files(bucket, f"{start}{owners[0].uid}." if len(owners) == 1 else start)
                found[bucket] = [*found.get(bucket, ()), *(listed or ())]
        return Heads(found)

    async def look_at(self, target: Target) -> Heads:
        """One archive. A head that is gone while parts are left doesn't make it absent."""
        bucket, head = text(target.props, "bucket"), _head_of(target)
        if not bucket:
            return Heads()
        listed = [one for one in await self._api.files(bucket, head) or [] if one.name == head]
        itself = listed or [one for one in [await self._api.details(bucket, head)] if one is not None]
        if itself:
            return Heads({bucket: itself})
        parts = await self._api.files(bucket, _parts_of(target))
        return Heads({}, frozenset({target.address}) if parts else frozenset())

    def observed(self, target: Target, heads: Heads) -> Observed:
        head = _head_of(target)
        bucket = text(target.props, "bucket") or next(iter(heads.files), "")
        for one in heads.files.get(bucket, ()):
            if one.name == head:
                return _observed(target.address, bucket, one)
        if target.address in heads.loose:
            return _observed(target.address, bucket, StoredFile(head, "", ""))
        return Observed.absent(target.address)

    def strays(self, tenants: Tenants, heads: Heads) -> list[Observed]:
        found: list[Observed] = []
        for bucket, files in sorted(heads.files.items()):
            for one in files:
                marker = marker_of(one.name)
                stray = tenants.stray(marker.text, KIND) if marker is not None else None
                if stray is not None:
                    found.append(_observed(stray[0], bucket, one))
        return found

    async def execute(self, call: Call) -> Outcome:
        bucket = text(call.props, "bucket") or text(call.target.props, "bucket")
        head = _head_of(call.target)
        if call.verb is Verb.DELETE:
            await self._delete(call, bucket, head)
        else:
            about = canonical({"marker": call.marker.text, "what": "an archive of conversations, in parts"}).encode()
            said = {"marker": call.marker.text}
            await self._api.upload(bucket, head, about, kind="application/json", said=said, permit=call.permit)
        return Outcome(head, {"bucket": bucket, "path": head})

    async def _delete(self, call: Call, bucket: str, head: str) -> None:
        """Parts first: as long as one is left, there is a head that says whose it is."""
        names = [one.name for one in await self._api.files(bucket, _parts_of(call.target)) or []]
        names += [one.name for one in await self._api.files(bucket, head) or [] if one.name == head]
        for start in range(0, len(names), SWEEP):
            await self._api.remove(bucket, names[start : start + SWEEP], permit=call.permit)

    async def kept(self, target: Target) -> str:
        """Parts sort by their keys, so the last one tells."""
        start = _parts_of(target)
        parts = await self._api.files(_bucket_of(target), start) or []
        return max((one.name.removeprefix(start).removesuffix(".jsonl") for one in parts), default="")

    async def keep(self, target: Target, key: str, content: bytes, permit: Permit) -> None:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key of a part: {key!r}")
        name = f"{_parts_of(target)}{key}.jsonl"
        said = {"marker": target.marker.text}
        await self._api.upload(_bucket_of(target), name, content, kind=LINES, said=said, permit=permit)


def marker_of(path: str) -> Marker | None:
    """Whose head a path is; None for anything else."""
    found = _HEAD.fullmatch(path)
    return Marker(Owner(found["installation"], found["uid"]), KIND, found["name"]) if found else None


def _head_of(target: Target) -> str:
    owner = target.marker.owner
    return f"{owner.installation}.head.{owner.uid}.{target.marker.name}.json"


def _parts_of(target: Target) -> str:
    owner = target.marker.owner
    return f"{owner.installation}.part.{owner.uid}.{target.marker.name}."


def _bucket_of(target: Target) -> str:
    bucket = text(target.props, "bucket")
    if not bucket:
        raise Conflict("TEMO717", "the archive has no place yet", fix="apply the platform and this tenant first")
    return bucket


def _observed(address: Address, bucket: str, head: StoredFile) -> Observed:
    return Observed(
        address,
        Presence.PRESENT,
        ref=head.name,
        props={"bucket": bucket, "path": head.name},
        outputs={"bucket": bucket, "path": head.name},
        fingerprint=digest([bucket, head.name, head.id, head.tag]),
        marker=marker_of(head.name),
    )
