"""Pages that move, the instance behind an address, versions, and what answers mean."""

from __future__ import annotations

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.engine.throttle import Throttle
from temoctl.model.errors import Refused, Unavailable, UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.systems.fake_http import FakeRequest, FakeResponse, InProcess
from temoctl.systems.n8n import plugin
from temoctl.systems.n8n.client import N8nApi
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.n8n.resources import N8nSystem
from tests.conformance.bench import Freely
from tests.systems.n8n.samples import API_KEY, N8N

pytestmark = pytest.mark.anyio


def client(fake: FakeN8n | httpx.AsyncBaseTransport, *, page: int = 250, key: str = API_KEY) -> N8nApi:
    clock = VirtualClock()
    transport = InProcess({N8N: fake}) if isinstance(fake, FakeN8n) else fake
    slots = Throttle(plugin.limits, clock)
    return N8nApi(N8N, N8N, Secret(key), clock=clock, slots=slots, transport=transport, page=page)


async def full(count: int) -> FakeN8n:
    fake = FakeN8n(VirtualClock(), api_key=API_KEY)
    api = client(fake)
    for number in range(count):
        await api.create_credential({"name": f"c{number}", "type": "telegramApi", "data": {}}, Freely())
        body = {"name": f"w{number}", "nodes": [], "connections": {}, "settings": {}}
        await api.create_workflow(body, Freely())
    await api.close()
    return fake


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 9])
async def test_all_pages_are_read_each_object_once(count: int) -> None:
    fake = await full(count)
    api = client(fake, page=3)
    assert sorted(row["name"] for row in await api.workflows()) == sorted(f"w{n}" for n in range(count))
    assert sorted(row["name"] for row in await api.credentials()) == sorted(f"c{n}" for n in range(count))
    await api.close()


class Deleting(FakeN8n):
    """Somebody deletes the first workflow whenever a second page is asked for."""

    left = 1

    async def handle(self, request: FakeRequest) -> FakeResponse:
        if "cursor" in request.query and self.left:
            self.left -= 1
            self.workflows.pop(min(self.workflows))
        return await super().handle(request)


@pytest.mark.parametrize("deletions", [1, 3])
async def test_a_deletion_between_two_pages_hides_nothing(deletions: int) -> None:
    fake = await full(9)
    fake.__class__ = Deleting
    fake.left = deletions  # type: ignore[attr-defined]
    api = client(fake, page=3)
    seen = {row["id"] for row in await api.workflows()}
    assert seen == set(fake.workflows)
    await api.close()


async def test_a_list_that_never_rests_is_unknown() -> None:
    fake = await full(40)
    fake.__class__ = Deleting
    fake.left = 1000  # type: ignore[attr-defined]
    api = client(fake, page=3)
    with pytest.raises(Unavailable):
        await api.workflows()
    await api.close()


async def test_cursors_of_another_shape_are_used_as_they_come() -> None:
    pages = {None: {"data": [{"id": "1"}], "nextCursor": "b3BhcXVl"}, "b3BhcXVl": {"data": [{"id": "2"}]}}
    transport = httpx.MockTransport(lambda asked: httpx.Response(200, json=pages[asked.url.params.get("cursor")]))
    api = client(transport)
    assert [row["id"] for row in await api.workflows()] == ["1", "2"]
    await api.close()


async def test_the_instance_is_its_owner_whatever_the_key() -> None:
    fake = FakeN8n(VirtualClock(), api_key=API_KEY, owner="o-1")
    first = N8nSystem(client(fake), clock=VirtualClock())
    assert await first.instance() == "owner:o-1"
    fake.api_key = "rotated"
    second = N8nSystem(client(fake, key="rotated"), clock=VirtualClock())
    assert await second.instance() == await first_instance(first, fake)
    await first.close()
    await second.close()


async def first_instance(system: N8nSystem, fake: FakeN8n) -> str:
    kept, fake.api_key = fake.api_key, API_KEY
    try:
        return await system.instance()
    finally:
        fake.api_key = kept


async def test_an_n8n_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeN8n(VirtualClock(), api_key=API_KEY)
    monkeypatch.setattr("temoctl.systems.n8n.fake_rows.VERSION", "1.123.4")
    system = N8nSystem(client(fake), clock=VirtualClock())
    with pytest.raises(Refused) as caught:
        await system.instance()
    assert caught.value.code == "TEMO709"
    await system.close()


async def test_a_version_that_isnt_told_is_no_hindrance() -> None:
    def answer(asked: httpx.Request) -> httpx.Response:
        if asked.url.path == "/":
            return httpx.Response(404, text="no editor here")
        return httpx.Response(200, json={"data": [{"id": "o", "role": "global:owner"}], "nextCursor": None})

    system = N8nSystem(client(httpx.MockTransport(answer)), clock=VirtualClock())
    assert await system.instance() == "owner:o"
    await system.close()


@pytest.mark.parametrize(
    ("answer", "read", "written"),
    [
        (httpx.Response(401, json={"message": "Unauthorized"}), "TEMO703", "TEMO703"),
        (httpx.Response(403, json={"message": "Your license does not allow"}), "TEMO704", "TEMO704"),
        (httpx.Response(400, json={"message": "request/body/active is read-only"}), "TEMO705", "TEMO705"),
        (httpx.Response(200, text="<html>log in</html>"), "TEMO700", "TEMO701"),
        (httpx.Response(302, headers={"location": "https://login.example"}), "TEMO700", "TEMO701"),
    ],
)
async def test_what_an_answer_means(answer: httpx.Response, read: str, written: str) -> None:
    api = client(httpx.MockTransport(lambda _: answer))
    with pytest.raises((Refused, Unavailable)) as caught:
        await api.workflows()
    assert caught.value.code == read
    with pytest.raises((Refused, UnknownOutcome)) as caught:
        await api.create_credential({"name": "x", "type": "telegramApi", "data": {}}, Freely())
    assert caught.value.code == written
    await api.close()
