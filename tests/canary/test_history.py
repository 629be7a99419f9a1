"""What customers said is nobody's but the tenant's: it stays in MongoDB and in the archive, and shows nowhere else."""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pymongo
import pytest
from bson import ObjectId

from temoctl.sandbox.control import TOKEN_HEADER
from tests.acceptance.command import Desk
from tests.canary.test_sinks import LOUD, Watch, comments, dump, planted, script, vault

pytestmark = pytest.mark.postgres

"""Somebody may still have to pay."""
SECRETIVE = "I am {} and this is between us"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("history-canary"))
    made.copy_examples()
    retention(made, 14)
    try:
        made.must("sandbox", "start")
        made.must("apply", "platform", "aurora", "--yes")
        yield made
    finally:
        made.run("sandbox", "stop")


def retention(desk: Desk, days: int) -> None:
    spec = desk.project / "tenant_specs" / "aurora.yaml"
    text = spec.read_text().partition("retention:")[0]
    spec.write_text(f"{text}retention:\n  history_days: {days}\n  archive: true\n")


def say(desk: Desk, ages: list[float]) -> list[str]:
    """Messages of customers, so many days old; each says and is called something that stands nowhere else."""
    canaries: list[str] = []
    with pymongo.MongoClient((desk.world / "secrets" / "mongodb-uri").read_text().strip()) as client:
        [name] = [one for one in client.list_database_names() if one.endswith("_h")]
        for age in ages:
            who, chat = secrets.token_hex(12), secrets.token_hex(12)
            at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=age)
            row = {"session": f"telegram:{chat}", "trace": chat, "role": "user", "channel": "telegram", "at": at}
            client[name]["messages"].insert_one({"_id": ObjectId(), "text": SECRETIVE.format(who), **row})
            canaries += [who, chat]
    return canaries


def control(desk: Desk, method: str, **more: Any) -> None:
    """Make a stand-in misbehave, or all behave again."""
    world = json.loads((desk.world / "world.json").read_text())
    headers = {TOKEN_HEADER: world["control_token"]}
    answer = httpx.request(method, f"{world['urls']['control']}/faults", headers=headers, trust_env=False, **more)
    assert answer.status_code < 300, answer.text


class Sinks:
    """Everything that was said or kept somewhere, by where."""

    def __init__(self, desk: Desk, log: Path) -> None:
        self.texts: dict[str, str] = {}
        self._desk, self._log = desk, log

    def run(self, name: str, *words: str) -> str:
        done = self._desk.run(*words)
        self.texts[f"{name} stdout"], self.texts[f"{name} stderr"] = done.stdout, done.stderr
        return done.stdout

    def loud(self, name: str, *words: str) -> str:
        """The same with every library logging all it can."""
        done = script(self._desk, LOUD, str(self._log), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        self.texts[f"{name} stdout"], self.texts[f"{name} stderr"] = done.stdout, done.stderr
        return done.stdout

    def hold(self, canaries: list[str]) -> list[str]:
        """Which secret, or which word of a customer, is where."""
        desk = self._desk
        self.texts |= {"SystemData": dump(desk), "comments": comments(desk), "debug log": self._log.read_text()}
        for path in (*desk.world.glob("*.log"), *(desk.world / "postgres").glob("*.log")):
            self.texts[path.name] = path.read_text(errors="replace")
        assert "pymongo" in self.texts["debug log"], "the driver said nothing, so nothing was tried"
        held = {f"canary {number}": text for number, text in enumerate(canaries)} | planted(desk)
        assert any("mongodb/history-user" in name for name in held)
        return [f"{name}: {what}" for name, text in self.texts.items() for what, one in held.items() if one in text]


def test_neither_words_nor_passwords_of_the_history_are_in_any_sink(desk: Desk, tmp_path: Path) -> None:
    canaries = say(desk, [13.5, 13, 9, 8, 1])
    sinks = Sinks(desk, tmp_path / "debug.log")
    with Watch() as watch:
        assert '"messages": 2' in sinks.loud("archive", "archive", "aurora", "--json")
        retention(desk, 7)
        plan = tmp_path / "plan.json"
        told = sinks.loud("plan", "plan", "aurora", "--detail", "--out", str(plan))
        assert "4 messages older than 7 days" in " ".join(told.split())
        sinks.texts["plan file"] = plan.read_text()
        retention(desk, 14)
    sinks.texts["argv"] = "\n".join(watch.seen)
    for name, words in {
        "status": ("status",),
        "state": ("state", "list", "--json"),
        "collection": ("state", "show", "aurora/mongodb.collection.messages", "--json"),
        "credential": ("state", "show", "aurora/n8n.credential.history", "--json"),
        "history": ("history", "--json"),
        "audit": ("history", "--audit", "--json"),
        "doctor": ("doctor",),
        "remains": ("sandbox", "remains", "--json"),
    }.items():
        sinks.run(name, *words)
    assert not sinks.hold(canaries)


@pytest.mark.slow  # MongoDB deletes once a minute
def test_shortening_a_retention_tells_how_many_and_not_what(desk: Desk, tmp_path: Path) -> None:
    canaries = say(desk, [9, 8])
    sinks = Sinks(desk, tmp_path / "debug.log")
    retention(desk, 7)
    sinks.loud("apply", "apply", "aurora", "--yes", "--json", "--allow", "lose:mongodb.collection")
    assert not sinks.hold(canaries)
    retention(desk, 14)
    sinks.loud("apply", "apply", "aurora", "--yes")


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        ("storage", "denied"),
        pytest.param("storage", "500-before", marks=pytest.mark.slow),
        pytest.param("mongodb", "500-before", marks=pytest.mark.slow),
    ],
)
def test_an_archive_that_breaks_says_nothing_of_what_it_holds(desk: Desk, system: str, kind: str) -> None:
    held = [*say(desk, [12.5, 12]), *vault(desk).values()]
    control(desk, "POST", json={"system": system, "kind": kind, "count": -1})
    done = desk.run("archive", "aurora")
    control(desk, "DELETE")
    assert done.returncode == 1, done.stdout + done.stderr
    assert not [text for text in held if text in done.stdout + done.stderr]
    desk.must("archive", "aurora")
