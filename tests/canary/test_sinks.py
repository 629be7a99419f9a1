"""Unique texts in every secret, and every place where something is kept or said is searched for them.

One real world: processes, PostgreSQL, stand-ins on sockets. Old and new values count alike.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql

from tests.acceptance.command import REPOSITORY, TEMOCTL, Desk

pytestmark = pytest.mark.postgres

WAITING = 3
"""Each client has to give a card, and that is all."""

LOUD = """\
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=open(sys.argv.pop(1), "a"))
from temoctl.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
"""temoctl with every library logging all it can."""

BROKEN = """\
import sys
from temoctl.systems.telegram import client
def call(self, token, *given, **more):
    raise RuntimeError(f"went wrong with {token.reveal()}")
client.TelegramApi.get = call
from temoctl.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
"""temoctl with a fault of its own, in the worst place for one."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("canary"))
    made.copy_examples()
    try:
        made.must("sandbox", "start")
        made.must("sandbox", "billing", "clients", "away")
        yield made
    finally:
        made.run("sandbox", "stop")


def planted(desk: Desk) -> dict[str, str]:
    """Every secret of this world by what it is: all of them are random, so each text is a canary of its own."""
    found = {f"file {path.name}": path.read_text().strip() for path in (desk.world / "secrets").iterdir()}
    found["control token"] = json.loads((desk.world / "world.json").read_text())["control_token"]
    found["database password"] = (desk.world / "postgres" / "password").read_text()
    key = desk.world / "master.key"
    found["master key"] = key.read_text().strip()
    for name in [name for name in found if name.endswith("-dsn")]:
        found[f"password in {name}"] = re.findall(r"://[^:]+:([^@]+)@", found[name])[0]
    found |= {f"vault {name}": text for name, text in vault(desk).items()}
    assert all(len(text) >= 12 for text in found.values()), {name: len(text) for name, text in found.items()}
    return found


def vault(desk: Desk) -> dict[str, str]:
    """What is sealed in SystemData, opened with the world's own key: of everybody, in all versions."""
    import asyncio

    from temoctl.sandbox.folder import Folder
    from temoctl.sandbox.seeding import open_vault

    async def look() -> dict[str, str]:
        found = {}
        async with open_vault(Folder(desk.world)) as store:
            for tenant in await store.tenants():
                for row in await store.vault.listing(tenant.uid):
                    for version in range(1, row.version + 1):
                        secret = await store.vault.get(tenant.uid, row.path, version)
                        found[f"{tenant.tenant} {row.path} {version}"] = secret.reveal()
        return found

    return asyncio.run(look())


def dump(desk: Desk) -> str:
    """Every row of every table of SystemData, as text."""
    dsn = (desk.world / "secrets" / "systemdata-dsn").read_text()
    rows: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'temoctl'").fetchall()
        assert len(tables) > 10
        for (name,) in tables:
            question = sql.SQL("SELECT to_jsonb(t)::text FROM {} t").format(sql.Identifier("temoctl", name))
            rows += [f"{name} {row[0]}" for row in connection.execute(question).fetchall()]
    return "\n".join(rows)


def comments(desk: Desk) -> str:
    """What every role of the server can read."""
    questions: tuple[Any, ...] = ("SELECT description FROM pg_description", "SELECT description FROM pg_shdescription")
    return "\n".join(str(row[0]) for one in questions for row in desk.query(one, "knowledge"))


class Watch(threading.Thread):
    """Collects the command lines of everything that runs, while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            for process in psutil.process_iter():
                try:
                    self.seen.add(" ".join(process.cmdline()))
                except psutil.Error:
                    continue
            self._over.wait(0.1)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *why: object) -> None:
        self._over.set()
        self.join()


def script(desk: Desk, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """temoctl in a Python of our own making."""
    python = str(Path(TEMOCTL).parent / "python")
    return subprocess.run(
        [python, "-c", text, *words],
        env=desk.env,
        cwd=desk.project,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


def rotate(desk: Desk, token: str) -> None:
    """A new token from BotFather, stored from standard input."""
    done = subprocess.run(
        [TEMOCTL, "secrets", "set", "aurora", "telegram/token"],
        env=desk.env,
        cwd=desk.project,
        input=token,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0 and token not in done.stdout + done.stderr, done.stderr


def test_no_secret_is_in_any_sink(desk: Desk, tmp_path: Path) -> None:
    sinks: dict[str, str] = {}

    def run(name: str, *words: str) -> None:
        done = desk.run(*words)
        sinks[f"{name} stdout"], sinks[f"{name} stderr"] = done.stdout, done.stderr

    plan = tmp_path / "plan.json"
    run("plan", "plan", "--all", "--detail", "--out", str(plan))
    sinks["plan file"] = plan.read_text()
    log = tmp_path / "debug.log"
    with Watch() as watch:
        loud = script(desk, LOUD, str(log), "apply", "--all", "--yes", "--json")
    assert loud.returncode == WAITING, loud.stderr
    sinks["apply --json"], sinks["apply stderr"], sinks["argv"] = loud.stdout, loud.stderr, "\n".join(watch.seen)
    before = vault(desk)
    assert "platform stripe/webhook-secret 1" in before
    link = json.loads(desk.must("status", "aurora", "--link", "--json"))["url"]
    for name, words in {
        "paying": ("sandbox", "billing", "pay", "aurora", "--link", link),
        "two weeks later": ("sandbox", "billing", "advance", "15d"),  # Stripe's events arrive
        "status": ("status",),
        "state": ("state", "list", "--json"),
        "show": ("state", "show", "aurora/telegram.bot.telegram", "--json"),
        "history": ("history", "--json"),
        "secrets": ("secrets", "list", "aurora", "--json"),
        "drift": ("drift", "--all", "--detail"),
        "doctor": ("doctor",),
        "remains": ("sandbox", "remains", "--json"),
        "sandbox": ("sandbox", "status", "--json"),
    }.items():
        run(name, *words)
    token = before["aurora telegram/token 1"]
    rotate(desk, f"{token.partition(':')[0]}:AAthe-second-token-that-nobody-may-see")
    run("plan after rotation", "plan", "aurora", "--detail")
    run("apply with a refused token", "apply", "aurora", "--yes", "--detail")
    sinks["SystemData"], sinks["comments"] = dump(desk), comments(desk)
    for path in desk.world.glob("*.log"):
        sinks[path.name] = path.read_text()
    for path in (desk.world / "postgres").glob("*.log"):
        sinks[path.name] = path.read_text(errors="replace")
    sinks["debug log"] = log.read_text()
    assert '"heard": "handled"' in sinks["events.log"], "no event was heard, so nothing was tried"
    told = [name for name, text in sinks.items() if link in text or link.rpartition("/")[2] in text]
    assert not told, "an address that opens something is printed once and kept nowhere"
    assert "owner@aurora.example" not in sinks["events.log"]
    assert "httpx" in sinks["debug log"], "the libraries said nothing, so nothing was tried"
    secrets = {**planted(desk), **{f"before {name}": text for name, text in before.items()}}
    for number, text in secrets.items():
        assert sinks["argv"] and text not in sinks["argv"], f"argv: {number}"
    found = [f"{name}: {what}" for name, text in sinks.items() for what, secret in secrets.items() if secret in text]
    assert not found


def test_a_fault_of_our_own_reports_no_secret(desk: Desk) -> None:
    desk.must("secrets", "list", "aurora")
    broken = script(desk, BROKEN, "plan", "nordwind")
    said = broken.stdout + broken.stderr
    reports = sorted((Path(desk.env["TEMOCTL_HOME"]) / "reports").glob("*.txt"))
    secrets = vault(desk)
    texts = [said, *(path.read_text() for path in reports)]
    assert "TEMO900" in said or broken.returncode != 0, said
    assert not [name for name, secret in secrets.items() for text in texts if secret in text]
    assert "Traceback" not in said
    assert reports and "RuntimeError: went wrong with <secret>" in reports[-1].read_text(), said


def test_recorded_conversations_hold_no_secret() -> None:
    """Cassettes are recorded on a real n8n, whose keys are random: what looks like a key may not be in them."""
    looks_like = re.compile(
        r"eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|n8n_api_[A-Za-z0-9]{16,}|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}"
        r"|sb_secret_[A-Za-z0-9]{8,}|postgresql://[^:\s]+:[^@\s]+@"
    )
    cassettes = [path for path in (REPOSITORY / "tests" / "cassettes").rglob("*") if path.is_file()]
    found = [f"{path.name}: {hit[:24]}" for path in cassettes for hit in looks_like.findall(path.read_text())]
    assert not found
