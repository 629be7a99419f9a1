"""Supabase Storage through Supabase's own Python client (`storage3`), typed and without logic.

The client's HTTP goes through `systems.http`, so that slots, the lease, Retry-After and the judgement of lost answers
are the same as everywhere. Storage answers many errors with HTTP 400 and the real status in the body.
`storage3` alone takes about 0.25 s to import, the whole `supabase` package 0.45 s: only the part is used, and late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx

from temoctl.engine.ports import Clock, Permit, Slots
from temoctl.model.errors import Refused, TemoError, Unavailable, UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.systems.http import HttpApi

if TYPE_CHECKING:
    from storage3 import AsyncStorageClient
    from storage3.exceptions import StorageApiError

T = TypeVar("T")
PAGE = 1000
CODES = ("TEMO710", "TEMO712", "TEMO713")
_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


@dataclass(frozen=True, slots=True)
class Bucket:
    id: str
    public: bool
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One object of a bucket. `tag` changes with its content; `said` is what was stored beside it (details only)."""

    name: str
    id: str
    updated_at: str
    tag: str = ""
    size: int = 0
    said: Mapping[str, Any] = field(default_factory=dict)


class _Line:
    """What storage3 takes for an httpx client: sends its requests through ours, as a read or under a permit."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def request(self, method: str, url: str, **request: Any) -> httpx.Response:
        permit = _permit.get()
        if permit is None:
            return await self._api.read(method, url, **request)
        return await self._api.write(method, url, permit=permit, **request)


class StorageApi:
    """Buckets and files. `url` is Storage's address, with or without its path `/storage/v1`."""

    def __init__(
        self, url: str, key: Secret, *, clock: Clock, slots: Slots, timeout: float = 20.0, transport: Any = None
    ) -> None:
        self.url = storage_url(url)
        self._key = key
        self._http = HttpApi(
            self.url,
            title="Supabase Storage",
            codes=CODES,
            clock=clock,
            slots=slots,
            timeout=timeout,
            transport=transport,
        )
        self._client: AsyncStorageClient | None = None

    @property
    def _storage(self) -> AsyncStorageClient:
        if self._client is None:
            from storage3 import AsyncStorageClient

            key = self._key.reveal()
            headers = {"apiKey": key, "Authorization": f"Bearer {key}"}
            self._client = AsyncStorageClient(self.url, headers, http_client=cast("Any", _Line(self._http)))
        return self._client

    async def close(self) -> None:
        await self._http.close()

    async def buckets(self) -> list[Bucket]:
        found = await self._read(lambda: self._storage.list_buckets())  # noqa: PLW0108 - the client is loaded late
        return [Bucket(one.id, one.public, str(one.updated_at)) for one in found]

    async def create_bucket(self, name: str, *, public: bool, permit: Permit) -> bool:
        """False when there is one of that name already."""
        try:
            await self._write(lambda: self._storage.create_bucket(name, options={"public": public}), permit)
        except _Already:
            return False
        return True

    async def update_bucket(self, name: str, *, public: bool, permit: Permit) -> None:
        await self._write(lambda: self._storage.update_bucket(name, {"public": public}), permit)

    async def delete_bucket(self, name: str, *, permit: Permit) -> None:
        """Deleting what isn't there is done; a bucket with files is refused (TEMO715)."""
        try:
            await self._write(lambda: self._storage.delete_bucket(name), permit)
        except _Missing:
            return

    async def files(self, bucket: str, prefix: str) -> list[StoredFile] | None:
        """Every object whose name starts with the prefix, by cursor; None when there is no such bucket."""
        found: list[StoredFile] = []
        cursor: str | None = None
        while True:
            options: dict[str, Any] = {"limit": PAGE, "prefix": prefix, "with_delimiter": False}
            if cursor:
                options["cursor"] = cursor
            try:
                page = await self._read(lambda asked=options: self._storage.from_(bucket).list_v2(asked))  # type: ignore[misc]
            except _Missing:
                return None
            found += [_stored(one) for one in page.objects]
            if not page.hasNext or not page.nextCursor:
                return found
            cursor = page.nextCursor

    async def details(self, bucket: str, name: str) -> StoredFile | None:
        """One object with what was stored beside it; None when it isn't there."""
        try:
            found = await self._read(lambda: self._storage.from_(bucket).info(name))
        except _Missing:
            return None
        said = found.get("metadata") or {}
        return StoredFile(
            name,
            str(found.get("id") or ""),
            str(found.get("last_modified") or ""),
            str(found.get("etag") or ""),
            int(found.get("size") or 0),
            said if isinstance(said, Mapping) else {},
        )

    async def upload(
        self, bucket: str, name: str, content: bytes, *, kind: str, said: Mapping[str, str], permit: Permit
    ) -> None:
        """Put a file, over the one of that name where there is one."""
        options: Any = {"content-type": kind, "upsert": "true", "metadata": dict(said)}
        await self._write(lambda: self._storage.from_(bucket).upload(name, content, options), permit)

    async def remove(self, bucket: str, names: list[str], *, permit: Permit) -> None:
        """Deleting what isn't there is done."""
        try:
            await self._write(lambda: self._storage.from_(bucket).remove(names), permit)
        except _Missing:
            return

    async def _read(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._judged(call, None)

    async def _write(self, call: Callable[[], Awaitable[T]], permit: Permit) -> T:
        return await self._judged(call, permit)

    async def _judged(self, call: Callable[[], Awaitable[T]], permit: Permit | None) -> T:
        from storage3.exceptions import StorageApiError

        token = _permit.set(permit)
        try:
            return await call()
        except StorageApiError as error:
            raise _judge(error, write=permit is not None) from None
        finally:
            _permit.reset(token)


class _Missing(Refused):
    """The bucket or the object isn't there."""


class _Already(Refused):
    """There is one of that name."""


def _judge(error: StorageApiError, *, write: bool) -> TemoError:
    """What Storage's answer means. Its message may name paths, never a key."""
    status, said = int(error.status), str(error.message)[:200]
    if status >= 500:
        if write:
            return UnknownOutcome("TEMO712", f"Supabase Storage failed in a change: {said}")
        return Unavailable("TEMO710", f"Supabase Storage does not answer: {said}", fix="try again later")
    if status == 404:
        return _Missing("TEMO718", f"Supabase Storage: {said}")
    if status == 409 and error.code in ("Duplicate", "KeyAlreadyExists", "BucketAlreadyExists"):
        return _Already("TEMO718", f"Supabase Storage: {said}")
    if status == 409:
        return Refused("TEMO715", f"Supabase Storage: {said}", fix="empty it first")
    if status in (401, 403) or error.code in ("InvalidJWT", "AccessDenied", "Unauthorized", "InvalidSignature"):
        fix = "check `storage_key` in platform.yaml: it must be a secret key of this project (sb_secret_…)"
        return Refused("TEMO714", f"Supabase Storage refuses our key: {said}", fix=fix)
    if status == 413:
        fix = "make the file smaller, or raise the upload limit in Supabase: Storage > Settings"
        return Refused("TEMO718", "the file is larger than Supabase Storage takes", fix=fix)
    return Refused("TEMO718", f"Supabase Storage refuses: {said}", fix="see `temoctl explain TEMO718`")


def _stored(one: Any) -> StoredFile:
    about = one.metadata or {}
    return StoredFile(
        one.name,
        str(one.id or ""),
        str(one.updated_at or ""),
        str(about.get("eTag") or ""),
        int(about.get("size") or 0),
    )


def storage_url(url: str) -> str:
    """`https://<ref>.supabase.co` alone is enough; a path that is given stays."""
    path = urlsplit(url).path.strip("/")
    base = url.rstrip("/")
    return f"{base}/" if path else f"{base}/storage/v1/"
