"""Archiving through the command line: real MongoDB and Storage systems on their stand-ins, other vendors as a dict."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from temoctl.app import archiving
from temoctl.app import connect as connecting
from temoctl.engine.clock import SystemClock
from temoctl.engine.protocol import Context, System
from temoctl.model.secret import Secret
from temoctl.sandbox.mongo import engine
from temoctl.sandbox.mongo.engine import Engine
from temoctl.sandbox.mongo.in_process import InProcessMongo
from temoctl.systems.fake_http import Fault, InProcess
from temoctl.systems.mongodb.resources import MongodbSystem
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.supabase.fake_sql import FakeSql
from temoctl.systems.supabase.resources import SupabaseSystem
from temoctl.systems.supabase.storage_client import StorageApi
from tests.app.toy import Vendors, toy_plugins
from tests.cli.conftest import Answer, Temoctl

STORAGE = "http://storage.test"
LOSE = "--allow=lose:mongodb.collection"


class Rooms:
    """What MongoDB and Storage hold, behind every world that a test opens."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.storage = FakeStorage(clock)
        self.engine = Engine(clock, rounds=4096)
        self.engine.add_user("root", "canary-root-0123456789", ["root"])
        self._hand = self.engine.session()
        self._hand.user = self.engine.users.find("admin", "root")
        self._clock, self._sql = clock, {}  # type: ignore[var-annotated]

    async def supabase(self, settings: Any, context: Context) -> System:
        for name in ("knowledge", "sessions"):
            self._sql.setdefault(name, FakeSql(name, slots=context.slots))
        api = StorageApi(
            STORAGE,
            Secret("key"),
            clock=self._clock,
            slots=context.slots,
            transport=InProcess({STORAGE: self.storage}),
        )
        return SupabaseSystem(self._sql["knowledge"], self._sql["sessions"], api)

    async def mongodb(self, settings: Any, context: Context) -> System:
        server = InProcessMongo(self.engine, ("admin", "root"), slots=context.slots)
        return MongodbSystem(server, clock=self._clock)

    def do(self, database: str, **command: Any) -> Any:
        answer = self.engine.run(self._hand, {**command, "$db": database})
        assert answer["ok"], answer
        return answer

    @property
    def database(self) -> str:
        [name] = [one["name"] for one in self.do("admin", listDatabases=1)["databases"] if one["name"].endswith("_h")]
        return str(name)

    def said(self, *ages: float, session: str = "telegram:1") -> None:
        """Messages so many days old, called by their age."""
        from bson import ObjectId

        now = datetime.datetime.now(datetime.UTC)
        rows = [
            {
                "_id": ObjectId(),
                "session": session,
                "trace": f"telegram:{age}:{number}",
                "role": "user",
                "text": f"{age} days ago — ч👩‍🚀",
                "channel": "telegram",
                "at": now - datetime.timedelta(days=age),
            }
            for number, age in enumerate(ages)
        ]
        self.do(self.database, insert="messages", documents=rows)

    @property
    def kept_days(self) -> float:
        indexes = self.do(self.database, listIndexes="messages")["cursor"]["firstBatch"]
        return float(next(one for one in indexes if "expireAfterSeconds" in one)["expireAfterSeconds"] / 86_400)

    @property
    def parts(self) -> list[list[dict[str, Any]]]:
        """The archive, part by part."""
        objects = [one for bucket in self.storage.buckets.values() for one in bucket.objects.values()]
        parts = sorted((one for one in objects if ".part." in one.name), key=lambda one: one.name)
        return [[json.loads(line) for line in one.content.decode().splitlines()] for one in parts]

    @property
    def archived(self) -> list[str]:
        """The ages of what is archived, in the archive's order."""
        return [row["text"].split()[0] for part in self.parts for row in part]


@pytest.fixture
def rooms(temoctl: Temoctl, vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> Rooms:
    made = Rooms()
    real = {"supabase": made.supabase, "mongodb": made.mongodb}

    def plugins() -> Any:
        known = toy_plugins(vendors)
        return known | {name: replace(known[name], connect=connect) for name, connect in real.items()}

    monkeypatch.setattr(connecting, "plugins", plugins)
    monkeypatch.setattr(engine, "SWEEP", 0.0)  # too old is gone at once, not within a minute
    monkeypatch.setattr(archiving, "Patience", lambda: archiving_patience)
    platform = temoctl.root / "platform.yaml"
    platform.write_text(platform.read_text().replace("systems:\n", "systems:\n  mongodb: {uri: {env: TEST_KEY}}\n"))
    retention(temoctl.root, 14)
    temoctl.ready()
    applied(temoctl.run("apply", "platform", "aurora", "--yes"))
    return made


archiving_patience = replace(archiving.Patience(), first=0.001, longest=0.01)


def retention(root: Path, days: int, *, archive: bool = True) -> None:
    spec = root / "tenant_specs" / "aurora.yaml"
    text = spec.read_text().partition("retention:")[0]
    spec.write_text(f"{text}retention:\n  history_days: {days}\n" + ("  archive: true\n" if archive else ""))


def applied(answer: Answer) -> str:
    assert answer.code == 0, answer.out + answer.err
    return answer.out


def test_what_expires_within_the_next_days_is_kept_once_and_in_order(temoctl: Temoctl, rooms: Rooms) -> None:
    rooms.said(13, 12.5, 12, 11.5, 10, 1)
    told = applied(temoctl.run("archive", "aurora"))
    assert "4 messages in 1 part" in told
    assert rooms.archived == ["13", "12.5", "12", "11.5"]
    assert rooms.parts[0][0].keys() == {"_id", "session", "trace", "role", "text", "channel", "at"}
    assert "👩‍🚀" in rooms.parts[0][0]["text"]
    assert "nothing new" in applied(temoctl.run("archive", "--all"))
    assert applied(temoctl.run("archive", "aurora", "--days", "5", "--json"))
    assert rooms.archived == ["13", "12.5", "12", "11.5", "10"]
    assert len(rooms.parts) == 2


def test_a_run_that_breaks_is_gone_on_with_and_keeps_nothing_twice(
    temoctl: Temoctl, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "PART", 300)
    monkeypatch.setattr(archiving, "PAGE", 2)
    ages = [13.9 - number / 10 for number in range(25)]
    rooms.said(*ages)
    rooms.storage.faults.append(Fault("lost", count=1, writes=True, skip=1))  # kept, and nobody hears of it
    rooms.storage.faults.append(Fault("500-before", count=-1, writes=True, skip=3))
    broken = temoctl.run("archive", "aurora")
    assert broken.code == 1 and "then stopped" in broken.out
    some = len(rooms.archived)
    assert 0 < some < len(ages)
    rooms.storage.faults.clear()
    applied(temoctl.run("archive", "aurora"))
    assert Counter(rooms.archived) == Counter(f"{age}" for age in ages)
    assert rooms.archived == [f"{age}" for age in ages]
    longest = max(len(json.dumps(part, ensure_ascii=False).encode()) for part in rooms.parts)
    assert len(rooms.parts) > 5 and longest < 1_000, "no more than a part and a page is held at once"


@pytest.mark.parametrize("crowds", [[7], [1, 7, 1], [2, 2, 2], [1, 1, 3, 1, 3], [3, 3]])
def test_messages_of_one_date_are_all_kept_however_pages_fall(
    temoctl: Temoctl, rooms: Rooms, monkeypatch: pytest.MonkeyPatch, crowds: list[int]
) -> None:
    monkeypatch.setattr(archiving, "PAGE", 2)
    monkeypatch.setattr(archiving, "PART", 1)
    for number, crowd in enumerate(crowds):
        rooms.said(*[13 - number / 10] * crowd)
    applied(temoctl.run("archive", "aurora"))
    kept = [row for part in rooms.parts for row in part]
    assert len(kept) == len({row["_id"] for row in kept}) == sum(crowds)
    assert [row["at"] for row in kept] == sorted(row["at"] for row in kept)


def test_before_a_retention_is_shortened_its_losses_are_archived(temoctl: Temoctl, rooms: Rooms) -> None:
    rooms.said(13, 9, 5, 1)
    retention(temoctl.root, 7)
    assert temoctl.run("apply", "aurora", "--yes").code == 5, "losing messages needs a word"
    assert rooms.archived == [] and rooms.kept_days == 14
    applied(temoctl.run("apply", "aurora", "--yes", LOSE))
    assert rooms.kept_days == 7
    assert rooms.archived == ["13", "9", "5"], "and what would go before the next daily run"


def test_what_can_not_be_archived_is_not_deleted(temoctl: Temoctl, rooms: Rooms) -> None:
    rooms.said(13, 9)
    retention(temoctl.root, 7)
    rooms.storage.faults.append(Fault("500-before", count=-1, writes=True))
    answer = temoctl.run("apply", "aurora", "--yes", LOSE)
    assert answer.code in (1, 4) and "TEMO122" in answer.out + answer.err
    assert rooms.kept_days == 14
    rooms.storage.faults.clear()
    applied(temoctl.run("apply", "aurora", "--yes", LOSE))
    assert rooms.kept_days == 7 and rooms.archived == ["13", "9"]


def test_an_archive_asked_for_together_with_a_shorter_retention_comes_first(temoctl: Temoctl, rooms: Rooms) -> None:
    retention(temoctl.root, 14, archive=False)
    applied(temoctl.run("apply", "aurora", "--yes", "--allow=delete:supabase.archive"))
    rooms.said(13, 9)
    retention(temoctl.root, 7)
    applied(temoctl.run("apply", "aurora", "--yes", LOSE))
    assert rooms.archived == ["13", "9"] and rooms.kept_days == 7


def test_giving_up_the_archive_needs_a_word_and_destroying_leaves_nothing_of_it(temoctl: Temoctl, rooms: Rooms) -> None:
    rooms.said(13, 12)
    applied(temoctl.run("archive", "aurora"))
    retention(temoctl.root, 14, archive=False)
    assert "delete:supabase.archive" in temoctl.run("apply", "aurora", "--yes").err
    retention(temoctl.root, 14)
    needed = temoctl.run("plan", "aurora", "--destroy", "--json").json["allowances"]
    assert "delete:supabase.archive" in needed
    told = applied(temoctl.run("destroy", "aurora", "--yes", *(f"--allow={one}" for one in needed)))
    assert "neither its head nor a part" in told or "rchive" in told
    assert not [name for bucket in rooms.storage.buckets.values() for name in bucket.objects]


def test_a_tenant_without_an_archive_is_told_how_to_get_one(temoctl: Temoctl, rooms: Rooms) -> None:
    retention(temoctl.root, 14, archive=False)
    applied(temoctl.run("apply", "aurora", "--yes", "--allow=delete:supabase.archive"))
    answer = temoctl.run("archive", "aurora")
    assert answer.code == 5 and "TEMO120" in answer.err
    assert "retention.archive" in applied(temoctl.run("archive", "--all"))
    assert temoctl.run("archive").code == 5
