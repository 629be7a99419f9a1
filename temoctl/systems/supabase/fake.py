"""A stateful stand-in for Supabase Storage's HTTP API, as Supabase's Python client calls it.

What it imitates was read from storage-api's source: errors that come as HTTP 400 with the real status in the body,
409 Duplicate, a bucket with files that can't be deleted, emptying that only starts, listing by cursor. Anything the
client doesn't need is refused, not pretended. The SQL stand-in is `fake_sql.FakeSql`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from temoctl.engine.ports import Clock
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse

PAGE_LIMIT = 1000
_BASE = "/storage/v1"
_NAME = re.compile(r"[\w.!\-*'() &$@=;:+,?]{1,100}", re.ASCII)
_READS = re.compile(rf"{_BASE}/object/list(-v2)?/")


@dataclass(slots=True)
class FakeObject:
    """One file, its content type, and what was said beside it (`user_metadata` in the database)."""

    id: str
    name: str
    content: bytes
    kind: str
    said: dict[str, Any]
    created_at: str
    updated_at: str

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class FakeBucket:
    id: str
    public: bool
    created_at: str
    updated_at: str
    objects: dict[str, FakeObject] = field(default_factory=dict)


class FakeStorage(FakeHttp):
    """`key` is the secret key that is asked for ("" lets everybody in); `size_limit` the largest file it takes."""

    name = "storage"

    def __init__(self, clock: Clock, key: str = "", *, size_limit: int = 50_000_000) -> None:
        super().__init__(clock)
        self.buckets: dict[str, FakeBucket] = {}
        self._key, self._size_limit = key, size_limit
        self._made = 0
        for method, path, handler in (
            ("GET", "/bucket", self._list_buckets),
            ("POST", "/bucket", self._create_bucket),
            ("GET", "/bucket/{bucket}", self._get_bucket),
            ("PUT", "/bucket/{bucket}", self._update_bucket),
            ("DELETE", "/bucket/{bucket}", self._delete_bucket),
            ("POST", "/bucket/{bucket}/empty", self._empty_bucket),
            ("POST", "/object/list-v2/{bucket}", self._list),
            ("GET", "/object/info/{bucket}/{name}", self._info),
            ("DELETE", "/object/{bucket}", self._remove),
            ("POST", "/object/{bucket}/{name}", self._upload),
            ("GET", "/object/{bucket}/{name}", self._download),
        ):
            self.route(method, f"{_BASE}{path}", handler)

    def is_write(self, request: FakeRequest) -> bool:
        return request.method not in ("GET", "HEAD") and not _READS.match(request.path)

    def not_found(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(404, _error(404, "Not Found", f"Route {request.method}:{request.path} not found"))

    def denied(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(400, _error(403, "Unauthorized", "Invalid Compact JWS"))

    def failed(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(500, _error(500, "Internal", "Internal Server Error"))

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        if self._key:
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            if request.headers.get("apikey") != self._key or bearer != self._key:
                return self.denied(request)
        return await super()._dispatch(request)

    # --- buckets

    async def _list_buckets(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(json=[_bucket(one) for one in self.listing("buckets", self.buckets.values())])

    async def _get_bucket(self, request: FakeRequest, bucket: str) -> FakeResponse:
        found = self.buckets.get(bucket)
        return FakeResponse(json=_bucket(found)) if found else _refused(404, "Bucket not found", "Bucket not found")

    async def _create_bucket(self, request: FakeRequest) -> FakeResponse:
        asked = request.json
        name = str(asked.get("id") or asked.get("name") or "")
        if not _NAME.fullmatch(name):
            return _refused(400, "Invalid Input", "Bucket name invalid")
        if name in self.buckets:
            return _refused(409, "Duplicate", "The resource already exists")
        now = self._now()
        self.buckets[name] = FakeBucket(name, bool(asked.get("public")), now, now)
        return FakeResponse(json={"name": name})

    async def _update_bucket(self, request: FakeRequest, bucket: str) -> FakeResponse:
        found = self.buckets.get(bucket)
        if found is None:
            return _refused(404, "Bucket not found", "Bucket not found")
        if "public" in request.json:
            found.public = bool(request.json["public"])
        found.updated_at = self._now()
        return FakeResponse(json={"message": "Successfully updated"})

    async def _delete_bucket(self, request: FakeRequest, bucket: str) -> FakeResponse:
        found = self.buckets.get(bucket)
        if found is None:
            return _refused(404, "Bucket not found", "Bucket not found")
        if found.objects:
            return _refused(409, "InvalidRequest", "The bucket you tried to delete is not empty")
        del self.buckets[bucket]
        return FakeResponse(json={"message": "Successfully deleted"})

    async def _empty_bucket(self, request: FakeRequest, bucket: str) -> FakeResponse:
        """The real one answers at once and deletes in the background, up to an hour later: here, not at all."""
        if bucket not in self.buckets:
            return _refused(404, "Bucket not found", "Bucket not found")
        return FakeResponse(json={"message": "Empty bucket has been queued. Completion may take up to an hour."})

    # --- objects

    async def _list(self, request: FakeRequest, bucket: str) -> FakeResponse:
        found = self.buckets.get(bucket)
        if found is None:
            return _refused(404, "Bucket not found", "Bucket not found")
        asked = request.json or {}
        limit = min(int(asked.get("limit") or PAGE_LIMIT), PAGE_LIMIT)
        after = _after(asked.get("cursor"))
        everything = self.listing(f"objects {bucket}", found.objects.values())
        prefix = str(asked.get("prefix") or "")
        rows = sorted((one for one in everything if one.name.startswith(prefix) and one.name > after), key=_name)
        page = rows[:limit]
        answer: dict[str, Any] = {"hasNext": len(rows) > limit, "folders": [], "objects": [_listed(x) for x in page]}
        if answer["hasNext"]:
            answer["nextCursor"] = base64.b64encode(f"l:{page[-1].name}".encode()).decode()
        return FakeResponse(json=answer)

    async def _info(self, request: FakeRequest, bucket: str, name: str) -> FakeResponse:
        found = self._find(bucket, name)
        if found is None:
            return _refused(404, "not_found", "Object not found")
        about = {"id": found.id, "name": found.name, "size": len(found.content), "content_type": found.kind}
        times = {"last_modified": found.updated_at, "created_at": found.created_at}
        return FakeResponse(json={**about, **times, "etag": found.tag, "bucket_id": bucket, "metadata": found.said})

    async def _download(self, request: FakeRequest, bucket: str, name: str) -> FakeResponse:
        found = self._find(bucket, name)
        if found is None:
            return _refused(404, "not_found", "Object not found")
        return FakeResponse(body=found.content, headers={"content-type": found.kind, "etag": found.tag})

    async def _upload(self, request: FakeRequest, bucket: str, name: str) -> FakeResponse:
        home = self.buckets.get(bucket)
        if home is None:
            return _refused(404, "Bucket not found", "Bucket not found")
        if not _NAME.fullmatch(name):
            return _refused(400, "InvalidKey", f"Invalid key: {name}")
        there = home.objects.get(name)
        if there is not None and request.headers.get("x-upsert") != "true":
            return _refused(409, "Duplicate", "The resource already exists")
        content, kind, said = _multipart(request)
        if content is None:
            return _refused(400, "InvalidRequest", "No content provided")
        if len(content) > self._size_limit:
            return _refused(413, "Payload too large", "The object exceeded the maximum allowed size")
        now = self._now()
        self._made += 1
        identity = there.id if there else f"00000000-0000-4000-8000-{self._made:012d}"
        home.objects[name] = FakeObject(identity, name, content, kind, said, there.created_at if there else now, now)
        return FakeResponse(json={"Key": f"{bucket}/{name}", "Id": identity})

    async def _remove(self, request: FakeRequest, bucket: str) -> FakeResponse:
        home = self.buckets.get(bucket)
        if home is None:
            return _refused(404, "Bucket not found", "Bucket not found")
        names = [str(name) for name in request.json.get("prefixes") or ()]
        gone = [home.objects.pop(name) for name in names if name in home.objects]
        return FakeResponse(json=[{**_listed(one), "bucket_id": bucket} for one in gone])

    def _find(self, bucket: str, name: str) -> FakeObject | None:
        home = self.buckets.get(bucket)
        return home.objects.get(unquote(name)) if home else None

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _name(one: FakeObject) -> str:
    return one.name


def _after(cursor: str | None) -> str:
    if not cursor:
        return ""
    try:
        return base64.b64decode(cursor, validate=True).decode().removeprefix("l:")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _error(status: int, error: str, message: str) -> dict[str, str]:
    return {"statusCode": str(status), "error": error, "message": message}


def _refused(status: int, error: str, message: str) -> FakeResponse:
    """Anything but a fault of the server comes as HTTP 400; what it is stands in the body."""
    return FakeResponse(400, _error(status, error, message))


def _bucket(one: FakeBucket) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.id,
        "owner": "",
        "public": one.public,
        "file_size_limit": None,
        "allowed_mime_types": None,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "type": "STANDARD",
    }


def _listed(one: FakeObject) -> dict[str, Any]:
    about = {"eTag": one.tag, "size": len(one.content), "mimetype": one.kind, "cacheControl": "max-age=3600"}
    times = {"created_at": one.created_at, "updated_at": one.updated_at, "last_accessed_at": one.created_at}
    return {"id": one.id, "name": one.name, "key": one.name, **times, "metadata": about}


def _multipart(request: FakeRequest) -> tuple[bytes | None, str, dict[str, Any]]:
    """The file of a form, its content type, and the JSON of its field `metadata`. Bytes are taken as they are."""
    boundary = re.search(r'boundary="?([^";]+)', request.headers.get("content-type", ""))
    content, kind, said = None, "application/octet-stream", {}
    for part in request.body.split(f"--{boundary[1]}".encode())[1:-1] if boundary else ():
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        text, data = head.decode("latin-1"), data.removesuffix(b"\r\n")
        if 'name="metadata"' in text:
            said = json.loads(data)
        elif "filename=" in text:
            asked = re.search(r"(?im)^content-type: *([^\r\n]+)", text)
            content, kind = data, asked[1] if asked else kind
    return content, kind, said
