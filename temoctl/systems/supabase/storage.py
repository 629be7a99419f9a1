"""The bucket of source files and the files in it. Knows no HTTP.

A file's path is flat and says whose it is: `<installation>.<uid>.<name>.<digest>.<ext>`. So one listing shows the
whole fleet's, and a new version of a file is a new object beside the old one, never a change of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from temoctl.engine.protocol import Call, Outcome, Target, Verb
from temoctl.model.address import Address
from temoctl.model.errors import Conflict, Refused
from temoctl.model.identity import Marker, Owner
from temoctl.model.resource import Observed, Presence
from temoctl.model.value import Json, digest
from temoctl.systems.marked import Tenants, text
from temoctl.systems.supabase.kinds import ARCHIVES, BUCKETS, SYSTEM
from temoctl.systems.supabase.storage_client import Bucket, StorageApi, StoredFile

_BUCKET = re.compile(r"temo_(?P<installation>[a-z0-9]{10})_(?P<uid>[a-z0-9]{16})_(?P<part>[a-z0-9]{1,16})")
_PATH = re.compile(
    r"(?P<installation>[a-z0-9]{10})\.(?P<uid>[a-z0-9]{16})\.(?P<name>[a-z0-9][a-z0-9-]*)\.(?P<version>[0-9a-f]{16})\.\w+"
)
SWEEP = 500
"""Objects removed in one call when a bucket is emptied."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a listing showed: buckets by id, the files of each that was looked into, and which are for archives."""

    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    files: Mapping[str, Sequence[StoredFile]] = field(default_factory=dict)
    archives: frozenset[str] = frozenset()


class StorageRoom:
    """Kinds `bucket` and `file`."""

    def __init__(self, api: StorageApi) -> None:
        self._api = api

    async def look(self, targets: Sequence[Target], owners: Sequence[Owner]) -> Shelf:
        """All buckets, and the owners' files in those that are ours: 1 call + pages."""
        buckets = {bucket.id: bucket for bucket in await self._api.buckets()}
        installations = {owner.installation for owner in owners}
        ours = {
            bucket: found for bucket in buckets if (found := _BUCKET.fullmatch(bucket)) and found[1] in installations
        }
        archives = frozenset(bucket for bucket, found in ours.items() if found["part"] == ARCHIVES)
        inside = ours.keys() - archives
        inside |= {name for target in targets if (name := text(target.props, "bucket")) in buckets}
        prefix = _prefix(owners)
        files = {bucket: await self._api.files(bucket, prefix) or [] for bucket in sorted(inside)}
        return Shelf(buckets, files, archives)

    async def look_at(self, target: Target) -> Shelf:
        """As much as one target needs."""
        if target.address.kind == "bucket":
            return Shelf({bucket.id: bucket for bucket in await self._api.buckets()})
        bucket = text(target.props, "bucket")
        if not bucket:
            return await self.look([], [target.marker.owner])
        listed = await self._api.files(bucket, _prefix_of(target)) or []
        if target.ref and all(one.name != target.ref for one in listed):
            # A list may be a moment old; nothing is forgotten or called deleted before the file itself was asked for.
            itself = await self._api.details(bucket, target.ref)
            listed = listed if itself is None else [*listed, itself]
        return Shelf({}, {bucket: listed})

    async def observed(self, target: Target, shelf: Shelf) -> Observed:
        if target.address.kind == "bucket":
            name = text(target.props, "id") or target.ref or ""
            bucket = shelf.buckets.get(name)
            return _bucket(target.address, bucket) if bucket is not None else Observed.absent(target.address)
        return await self._file(target, shelf)

    async def _file(self, target: Target, shelf: Shelf) -> Observed:
        """The recorded version, else the wanted one; other versions of the same file are twins."""
        start = _prefix_of(target)
        bucket = text(target.props, "bucket") or next(iter(shelf.files), "")
        files = sorted((one for one in shelf.files.get(bucket, ()) if one.name.startswith(start)), key=lambda x: x.name)
        if not files:
            return Observed.absent(target.address)
        wanted = text(target.props, "path")
        files.sort(key=lambda one: (one.name != target.ref, one.name != wanted))
        first = _observed_file(target.address, bucket, files[0], text(target.props, "digest"))
        twins = [await self._with_intent(_observed_file(target.address, bucket, one, "")) for one in files[1:]]
        if twins:
            first = await self._with_intent(first)
        return replace(first, twins=tuple(twins))

    async def strays(self, tenants: Tenants, shelf: Shelf) -> list[Observed]:
        found = [_stray_bucket(tenants, bucket) for bucket in shelf.buckets.values()]
        for bucket, files in sorted(shelf.files.items()):
            for one in files:
                marker = marker_of(one.name)
                stray = tenants.stray(marker.text, "file") if marker is not None else None
                if stray is not None:
                    found.append(await self._with_intent(_observed_file(stray[0], bucket, one, "")))
        return [one for one in found if one is not None]

    async def _with_intent(self, seen: Observed) -> Observed:
        """The marker as it was stored beside the file: only looked up for what stands where it shouldn't."""
        details = await self._api.details(str(seen.props["bucket"]), str(seen.ref))
        said = Marker.search(str(details.said.get("marker", ""))) if details is not None else None
        if said is None or seen.marker is None or not said.same_object(seen.marker):
            return seen
        return replace(seen, marker=said)

    async def execute(self, call: Call) -> Outcome:
        if call.target.address.kind == "bucket":
            return await self._execute_bucket(call)
        bucket = text(call.props, "bucket") or text(call.target.props, "bucket")
        if call.verb is Verb.DELETE:
            path = call.target.ref or text(call.props, "path")
            listed = await self._api.files(bucket, path) or []
            if any(one.name == path for one in listed):
                await self._api.remove(bucket, [path], permit=call.permit)
            return Outcome(path)
        path, wanted = call.props["path"], call.props["digest"]
        content = await asyncio.to_thread(_content, Path(call.root) / call.props["file"], wanted)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        said = {"marker": call.marker.text, "sha256": wanted}
        await self._api.upload(bucket, path, content, kind=kind, said=said, permit=call.permit)
        return Outcome(path, {"bucket": bucket, "path": path})

    async def _execute_bucket(self, call: Call) -> Outcome:
        name = text(call.props, "id") or text(call.target.props, "id") or call.target.ref or ""
        if call.verb is Verb.DELETE:
            await self._delete_bucket(call, name)
            return Outcome(name)
        public = bool(call.props.get("public", False))
        exists = call.verb is Verb.UPDATE or not await self._api.create_bucket(name, public=public, permit=call.permit)
        if exists:
            await self._api.update_bucket(name, public=public, permit=call.permit)
        return Outcome(name, {"id": name})

    async def _delete_bucket(self, call: Call, name: str) -> None:
        """Storage refuses to delete a bucket with files, and its own "empty" works later: so file by file."""
        files = await self._api.files(name, "")
        if files is None:
            return
        owner = call.target.marker.owner
        others = [one.name for one in files if not one.name.startswith(f"{owner.installation}.")]
        if others:
            fix = "move or delete them by hand, then run the same command again"
            raise Refused("TEMO715", f"the bucket {name} holds {len(others)} files that aren't temoctl's", fix=fix)
        names = [one.name for one in files]
        for start in range(0, len(names), SWEEP):
            await self._api.remove(name, names[start : start + SWEEP], permit=call.permit)
        await self._api.delete_bucket(name, permit=call.permit)


def marker_of(path: str) -> Marker | None:
    """Whose file a path is; None for a path of somebody else's making."""
    found = _PATH.fullmatch(path)
    return Marker(Owner(found["installation"], found["uid"]), "file", found["name"]) if found else None


def _prefix(owners: Sequence[Owner]) -> str:
    """What all the owners' paths start with."""
    if len(owners) == 1:
        return f"{owners[0].installation}.{owners[0].uid}."
    installations = {owner.installation for owner in owners}
    return f"{installations.pop()}." if len(installations) == 1 else ""


def _prefix_of(target: Target) -> str:
    owner = target.marker.owner
    return f"{owner.installation}.{owner.uid}.{target.marker.name}."


def _content(path: Path, wanted: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        fix = "put it back, or make the plan again"
        raise Conflict("TEMO717", f"the file {path.name} can't be read", fix=fix) from None
    if hashlib.sha256(content).hexdigest() != wanted:
        fix = "make the plan again and look at it"
        raise Conflict("TEMO717", f"the file {path.name} changed since the plan was made", fix=fix)
    return content


def _bucket(address: Address, bucket: Bucket) -> Observed:
    found = _BUCKET.fullmatch(bucket.id)
    marker = Marker(Owner(found["installation"], found["uid"]), "bucket", address.name) if found else None
    outputs: dict[str, Json] = {"id": bucket.id}
    return Observed(
        address,
        Presence.PRESENT,
        ref=bucket.id,
        props={"id": bucket.id, "public": bucket.public},
        outputs=outputs,
        fingerprint=digest([bucket.id, bucket.public]),
        marker=marker,
    )


def _stray_bucket(tenants: Tenants, bucket: Bucket) -> Observed | None:
    found = _BUCKET.fullmatch(bucket.id)
    if found is None:
        return None
    owner, name = Owner(found["installation"], found["uid"]), BUCKETS.get(found["part"], found["part"])
    tenant = tenants.names.get(owner)
    if tenant is None or (owner, f"bucket.{name}") in tenants.wanted:
        return None
    return _bucket(Address(tenant, SYSTEM, "bucket", name), bucket)


def _observed_file(address: Address, bucket: str, one: StoredFile, wanted: str) -> Observed:
    """The path holds the first 16 digits of the digest; they are all that a listing tells of the content."""
    found = _PATH.fullmatch(one.name)
    version = found["version"] if found else ""
    return Observed(
        address,
        Presence.PRESENT,
        ref=one.name,
        props={"bucket": bucket, "path": one.name, "digest": wanted if wanted[:16] == version else version},
        outputs={"bucket": bucket, "path": one.name},
        fingerprint=digest([one.name, one.id, one.tag]),
        marker=marker_of(one.name),
    )
