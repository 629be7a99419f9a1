"""Source files in Storage's stand-in: pages, versions side by side, strays, and buckets that must be emptied first."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from temoctl.engine.protocol import Scope, Verb, Verdict
from temoctl.model.errors import Conflict, Refused, UnknownOutcome
from temoctl.model.identity import Marker, object_name
from temoctl.model.resource import Doubt, Presence
from temoctl.model.secret import Secret
from temoctl.systems.fake_http import FakeRequest, FakeResponse, InProcess
from temoctl.systems.supabase.storage import marker_of
from temoctl.systems.supabase.storage_client import StorageApi, storage_url
from tests.systems.supabase.acts import INTENT, PLATFORM, Acts
from tests.systems.supabase.rigs import KEY, URL, FakeRig, storage_rig

pytestmark = pytest.mark.anyio
BUCKET = object_name(PLATFORM, "files")


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    made = await storage_rig()
    await Acts(made).do(Verb.CREATE, "bucket", "knowledge-files", {"id": BUCKET, "public": False})
    yield made
    await made.close()


def file_props(acts: Acts, root: Path, content: bytes, name: str = "products-menu") -> dict[str, Any]:
    (root / "menu.csv").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    path = f"{acts.owner.installation}.{acts.owner.uid}.{name}.{digest[:16]}.csv"
    return {"bucket": BUCKET, "path": path, "file": "menu.csv", "digest": digest}


async def put(
    acts: Acts, root: Path, content: bytes, name: str = "products-menu", intent: str = INTENT
) -> dict[str, Any]:
    props = file_props(acts, root, content, name)
    await acts.do(Verb.CREATE, "file", name, props, root=str(root), intent=intent)
    return props


async def test_a_file_arrives_as_it_is(rig: FakeRig, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40 + b"\r\n--boundary\r\n"
    props = await put(Acts(rig), tmp_path, content)
    stored = rig.storage.buckets[BUCKET].objects[props["path"]]
    assert stored.content == content
    assert stored.kind == "text/csv"
    assert stored.said["sha256"] == props["digest"]
    assert Marker.search(stored.said["marker"]).intent == INTENT  # type: ignore[union-attr]


async def test_a_file_that_changed_since_the_plan_is_not_stored(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    props = file_props(acts, tmp_path, b"a,b\n1,2\n")
    (tmp_path / "menu.csv").write_bytes(b"a,b\n1,3\n")
    with pytest.raises(Conflict) as caught:
        await acts.do(Verb.CREATE, "file", "products-menu", props, root=str(tmp_path))
    assert caught.value.code == "TEMO717"
    assert not rig.storage.buckets[BUCKET].objects


async def test_a_fleet_is_listed_page_by_page(rig: FakeRig, tmp_path: Path) -> None:
    everybody = [Acts(rig, number) for number in range(1, 4)]
    mine = [await put(acts, tmp_path, b"a\n1\n") for acts in everybody]
    objects = rig.storage.buckets[BUCKET].objects
    one = objects[mine[0]["path"]]
    for number in range(2500):
        name = f"{PLATFORM.installation}.{'0' * 16}.products-{number}.{'0' * 16}.csv"
        objects[name] = replace(one, id=str(number), name=name)
    targets = tuple(
        acts.target("file", "products-menu", props, props["path"]) for acts, props in zip(everybody, mine, strict=True)
    )
    start = rig.reads
    snapshot = await rig.system.observe(Scope(targets, {acts.tenant: acts.owner for acts in everybody}))
    assert {seen.presence for seen in snapshot.observed.values()} == {Presence.PRESENT}
    assert rig.reads - start == 2 + 1 + 3, "each database once, the buckets once, three pages of files"


async def test_a_new_version_stands_beside_the_old_one_until_that_goes(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    old = await put(acts, tmp_path, b"a\n1\n")
    new = await put(acts, tmp_path, b"a\n2\n", intent="b" * 12)
    seen = await rig.system.read(acts.target("file", "products-menu", new, old["path"]))
    assert seen.ref == old["path"], "what is recorded comes first"
    (twin,) = seen.twins
    assert twin.ref == new["path"]
    assert twin.marker is not None
    assert twin.marker.intent == "b" * 12, "a twin says which run made it"
    await acts.do(Verb.DELETE, "file", "products-menu", old, ref=old["path"])
    proof = await rig.system.gone(acts.target("file", "products-menu", new, old["path"]))
    assert proof.verdict is Verdict.DELETED
    seen = await rig.system.read(acts.target("file", "products-menu", new, new["path"]))
    assert (seen.ref, seen.twins) == (new["path"], ())


async def test_strays_are_told_with_the_run_that_made_them(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    props = await put(acts, tmp_path, b"a\n1\n", "services-old")
    objects = rig.storage.buckets[BUCKET].objects
    objects["notes.txt"] = replace(objects[props["path"]], name="notes.txt")
    snapshot = await rig.system.observe(Scope((), {acts.tenant: acts.owner, "platform": PLATFORM}))
    found = {str(one.address): one for one in snapshot.strays}
    assert set(found) == {"platform/supabase.bucket.knowledge-files", "t1/supabase.file.services-old"}
    stray = found["t1/supabase.file.services-old"]
    assert stray.ref == props["path"]
    assert stray.marker is not None
    assert stray.marker.intent == INTENT


async def test_a_bucket_is_emptied_file_by_file_before_it_goes(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    for number in range(3):
        await put(acts, tmp_path, f"a\n{number}\n".encode(), f"products-{number}")
    await acts.do(Verb.DELETE, "bucket", "knowledge-files", {"id": BUCKET})
    assert not rig.storage.buckets
    proof = await rig.system.gone(acts.target("bucket", "knowledge-files", {"id": BUCKET}))
    assert proof.verdict is Verdict.DELETED


async def test_a_bucket_with_somebody_elses_files_is_not_emptied(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    await put(acts, tmp_path, b"a\n1\n")
    objects = rig.storage.buckets[BUCKET].objects
    objects["invoices.pdf"] = replace(next(iter(objects.values())), name="invoices.pdf")
    with pytest.raises(Refused) as caught:
        await acts.do(Verb.DELETE, "bucket", "knowledge-files", {"id": BUCKET})
    assert caught.value.code == "TEMO715"
    assert len(objects) == 2


async def test_a_bucket_that_became_public_is_made_private(rig: FakeRig) -> None:
    acts = Acts(rig)
    rig.storage.buckets[BUCKET].public = True
    target = acts.target("bucket", "knowledge-files", {"id": BUCKET, "public": False})
    assert (await rig.system.read(target)).props["public"] is True
    await acts.do(Verb.UPDATE, "bucket", "knowledge-files", {"id": BUCKET, "public": False}, changes=["public"])
    assert (await rig.system.read(target)).props["public"] is False


async def test_too_large_and_wrong_keys_are_said_plainly(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    rig.storage._size_limit = 10
    with pytest.raises(Refused) as caught:
        await put(acts, tmp_path, b"a\n" * 20)
    assert "larger than" in caught.value.summary
    rig.storage._key = "sb_secret_another"
    seen = await rig.system.read(acts.target("bucket", "knowledge-files", {"id": BUCKET}))
    assert seen.doubt is Doubt.DENIED
    assert "storage_key" in seen.fix
    assert KEY not in f"{seen!r}"


@pytest.mark.parametrize("body", ['{"statusCode":"503","error":"SlowDown","message":"x"}', "<html>bad gateway</html>"])
async def test_an_error_without_a_clear_no_leaves_a_change_unknown(rig: FakeRig, body: str) -> None:
    async def odd(request: FakeRequest) -> FakeResponse:
        status = 400 if body.startswith("{") else 502
        return FakeResponse(status, body=body.encode())

    rig.storage._dispatch = odd  # type: ignore[method-assign]
    acts = Acts(rig)
    with pytest.raises(UnknownOutcome):
        await acts.do(Verb.UPDATE, "bucket", "knowledge-files", {"id": BUCKET, "public": True})
    seen = await rig.system.read(acts.target("bucket", "knowledge-files", {"id": BUCKET}))
    assert seen.presence is Presence.UNKNOWN


async def test_what_the_client_sends_is_what_storage_documents(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    props = await put(acts, tmp_path, b"a\n1\n")
    await rig.system.read(acts.target("file", "products-menu", props))
    await acts.do(Verb.DELETE, "file", "products-menu", props)
    assert rig.storage.requests == [
        ("POST", "/storage/v1/bucket"),
        ("POST", f"/storage/v1/object/{BUCKET}/{props['path']}"),
        ("POST", f"/storage/v1/object/list-v2/{BUCKET}"),
        ("POST", f"/storage/v1/object/list-v2/{BUCKET}"),
        ("DELETE", f"/storage/v1/object/{BUCKET}"),
    ]


def test_the_address_of_a_project_is_enough() -> None:
    assert storage_url("https://abc.supabase.co") == "https://abc.supabase.co/storage/v1/"
    assert storage_url("https://abc.supabase.co/storage/v1/") == "https://abc.supabase.co/storage/v1/"
    assert storage_url("http://127.0.0.1:9/x") == "http://127.0.0.1:9/x/"


@pytest.mark.parametrize("path", ["menu.csv", "a.b.c.d.csv", "0123456789.abc.products.0123456789abcdef.csv", ""])
def test_paths_of_others_are_nobodys(path: str) -> None:
    assert marker_of(path) is None


async def test_the_key_is_sent_as_supabase_wants_it(rig: FakeRig) -> None:
    seen: list[dict[str, str]] = []
    handle = rig.storage.handle

    async def spy(request: FakeRequest) -> Any:
        seen.append(request.headers)
        return await handle(request)

    rig.storage.handle = spy  # type: ignore[method-assign]
    api = StorageApi(URL, Secret(KEY), clock=rig.clock, slots=rig.slots, transport=InProcess({URL: rig.storage}))
    await api.buckets()
    await api.close()
    assert seen[0]["apikey"] == KEY
    assert seen[0]["authorization"] == f"Bearer {KEY}"
