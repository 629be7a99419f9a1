"""The history of conversations through a real n8n and its own MongoDB driver: written, read, kept apart, written once.

One story in one world, told in order; each test goes on where the one before it stopped.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pymongo
import pytest

from temoctl.sandbox.control import TOKEN_HEADER
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.messages import CUSTOMER
from temoctl.sandbox.seeding import open_vault
from tests.live.test_slice import Temoctl

pytestmark = pytest.mark.live

SESSION = f"telegram:{CUSTOMER}"
FIRST = "I am new here and would like a flat white, please."


class Told(Temoctl):
    """The program, and what its world holds besides."""

    @property
    def world(self) -> Any:
        return json.loads((self.folder / "world.json").read_text())

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text().strip()

    def control(self, method: str, path: str, **more: Any) -> Any:
        world = self.world
        headers = {TOKEN_HEADER: world["control_token"]}
        url = f"{world['urls']['control']}{path}"
        answer = httpx.request(method, url, headers=headers, trust_env=False, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def prompt(self) -> str:
        """Everything but the question of what the model was asked last."""
        return str(self.control("GET", "/prompts")[-1]["context"])

    @contextmanager
    def databases(self) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
        with pymongo.MongoClient(self.secret("mongodb-uri")) as client:
            yield client

    def uid(self, tenant: str) -> str:
        with psycopg.connect(self.secret("systemdata-dsn")) as connection:
            query = "select tenant_uid from temoctl.tenants where tenant = %s"
            return str(connection.execute(query, [tenant]).fetchone()[0])

    def login(self, tenant: str) -> tuple[str, str]:
        """The user and password that the tenant's credential in n8n holds."""

        async def look() -> tuple[str, str]:
            async with open_vault(Folder(self.folder)) as store:
                recorded = (await store.load([tenant]))[tenant]
                [user] = [one for address, one in recorded.resources.items() if address.kind_key == "mongodb.user"]
                password = await store.vault.get(recorded.uid, "mongodb/history-user")
                return str(user.outputs["user"]), password.reveal()

        return asyncio.run(look())

    def history(self, tenant: str) -> list[tuple[str, str, str]]:
        """Role, text and trace of what is kept of a tenant's conversation, in order."""
        uid = self.uid(tenant)
        with self.databases() as client:
            [name] = [one for one in client.list_database_names() if f"_{uid}_" in one]
            rows = client[name]["messages"].find({"session": SESSION}).sort([("at", 1)])
            return [(row["role"], row["text"], row["trace"]) for row in rows]

    def until(self, tenant: str, count: int) -> list[tuple[str, str, str]]:
        """The history once it holds so many messages: it is written after the answer was sent."""
        deadline = time.monotonic() + 30
        while len(found := self.history(tenant)) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(found) == count, found
        return found

    def say(self, tenant: str, text: str) -> str:
        return str(self.json("sandbox", "message", tenant, text)["reply"])


class Hook:
    """Telegram's way to a tenant's ingress: what it sends, as often as it likes."""

    def __init__(self, temoctl: Told, tenant: str, title: str) -> None:
        world = temoctl.world
        headers = {"X-N8N-API-KEY": temoctl.secret("n8n-api-key")}
        url = f"{world['urls']['n8n']}/api/v1/workflows?limit=250"
        rows = httpx.get(url, headers=headers, trust_env=False).json()["data"]
        [row] = [one for one in rows if one["name"].startswith(title)]
        [node] = [one for one in row["nodes"] if one["type"].endswith("telegramTrigger")]
        self._url = f"{world['urls']['n8n']}/webhook/{node['webhookId']}/webhook"
        self._headers = {"X-Telegram-Bot-Api-Secret-Token": f"{row['id']}_{node['id']}"}

    def deliver(self, update: int, text: str) -> None:
        chat = {"id": CUSTOMER, "type": "private", "first_name": "Customer"}
        message = {
            "message_id": update,
            "date": 1_780_000_000,
            "chat": chat,
            "from": {"id": CUSTOMER, "is_bot": False, "first_name": "Customer"},
            "text": text,
        }
        body = {"update_id": update, "message": message}
        assert httpx.post(self._url, json=body, headers=self._headers, trust_env=False).status_code == 200


@pytest.fixture(scope="module")
def temoctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    program = Told(tmp_path_factory.mktemp("history") / "world")
    program.works("sandbox", "start", "--n8n", "real")
    program.works("apply", "--all", "--yes")
    yield program
    program.run("sandbox", "stop")


def test_the_second_answer_is_given_in_the_light_of_the_first_exchange(temoctl: Told) -> None:
    reply = temoctl.say("aurora", FIRST)
    assert FIRST not in temoctl.prompt(), "a question is asked once, not again as history"
    said = temoctl.until("aurora", 2)
    assert [(role, text) for role, text, _ in said] == [("user", FIRST), ("assistant", reply)]
    assert said[0][2] == said[1][2], "question and answer share their trace"
    temoctl.say("aurora", "And an espresso?")
    prompt = temoctl.prompt()
    assert 0 < prompt.index(FIRST) < prompt.index(reply)
    temoctl.until("aurora", 4)


def test_one_customer_of_two_tenants_has_two_histories(temoctl: Told) -> None:
    temoctl.say("nordwind", "Do you know my name?")
    assert "Anna" not in temoctl.prompt()
    assert [text for role, text, _ in temoctl.until("nordwind", 2) if role == "user"] == ["Do you know my name?"]
    assert not any("know my name" in text for _, text, _ in temoctl.history("aurora"))


def test_a_tenants_login_opens_its_own_history_only(temoctl: Told) -> None:
    """Logged in as n8n does for that tenant."""
    user, password = temoctl.login("aurora")
    with temoctl.databases() as client:
        theirs = next(name for name in client.list_database_names() if f"_{temoctl.uid('nordwind')}_" in name)
    address = temoctl.secret("mongodb-uri").rpartition("@")[2]
    with pymongo.MongoClient(f"mongodb://{user}:{password}@{address}") as client:
        assert client[user]["messages"].count_documents({}) > 0
        with pytest.raises(pymongo.errors.OperationFailure):
            client[theirs]["messages"].find_one()
        with pytest.raises(pymongo.errors.OperationFailure):
            client[user].command("collMod", "messages", index={"name": "temo_expiry", "expireAfterSeconds": 1})


def test_a_redelivery_is_written_once(temoctl: Told) -> None:
    before = len(temoctl.history("aurora"))
    hook = Hook(temoctl, "aurora", "Café Aurora: Telegram")
    hook.deliver(900_001, "A cappuccino?")
    said = temoctl.until("aurora", before + 2)
    trace = said[-1][2]
    for _ in range(2):  # somebody lost the memory of the answer: it is given again, under the same trace
        with psycopg.connect(temoctl.secret("sessions-dsn"), autocommit=True) as connection:
            query = "select nspname from pg_namespace where nspname like 'temo%sessions'"
            (schema,) = connection.execute(query).fetchone()
            forget = f'delete from "{schema}".wa_buffer_messages where trace = %s and direction = %s'
            assert connection.execute(forget.encode(), [trace, "out"]).rowcount == 1
            hook.deliver(900_001, "A cappuccino?")
            look = f'select count(*) from "{schema}".wa_buffer_messages where trace = %s and direction = %s'
            deadline = time.monotonic() + 30
            while connection.execute(look.encode(), [trace, "out"]).fetchone() == (0,):
                assert time.monotonic() < deadline, "it was not answered again"
                time.sleep(0.1)
        temoctl.say("nordwind", "Hello")  # n8n has gone on since
    assert [one for one in temoctl.until("aurora", before + 2) if one[2] == trace] == said[-2:]


def test_without_mongodb_customers_are_answered_all_the_same(temoctl: Told) -> None:
    temoctl.control("POST", "/faults", json={"system": "mongodb", "kind": "refuse", "count": -1})
    try:
        assert temoctl.say("aurora", "A filter coffee?")
        assert "A cappuccino?" in temoctl.prompt(), "the conversation tables still know the last messages"
    finally:
        temoctl.control("DELETE", "/faults")


def test_destroyed_leaves_no_history(temoctl: Told) -> None:
    uid = temoctl.uid("aurora")
    needed = json.loads(temoctl.run("plan", "aurora", "--destroy", "--json").stdout)["allowances"]
    temoctl.works("destroy", "aurora", "--yes", *(word for name in needed for word in ("--allow", name)))
    with temoctl.databases() as client:
        assert not [name for name in client.list_database_names() if uid in name]
        assert not [user["user"] for user in client.admin.command("usersInfo")["users"] if uid in user["user"]]
