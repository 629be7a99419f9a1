"""On a terminal: questions, the default "no", the typed id, Ctrl-C, colour. Real pseudo-terminals, real processes."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.toy import project

__all__ = ["project"]

DRIVER = """
import asyncio, pathlib, sys
from unittest import mock
from temoctl.app import connect, world
from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import SeededIds
from temoctl.model.identity import UID_LENGTH
from temoctl.model.secret import Secret
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.ports import Principal
from tests.app.toy import Toy, Vendors, toy_plugins

vendors, ids = Vendors(), SeededIds(7)
SLOW = float(sys.argv.pop(1))

async def open_systemdata(project, platform, principal, credentials, *, clock, ids, stack, read_only=False):
    return MemoryStore(vendors.state, principal, clock=SystemClock(), ids=ids)

async def seed():
    store = MemoryStore(vendors.state, Principal("test"), clock=SystemClock(), ids=ids)
    for tenant, path, value in (
        ("platform", "llm/api-key", "sk-test-1234567890"),
        ("aurora", "telegram/token", "111111111:AAaurora-token-for-tests-000000000"),
        ("nordwind", "telegram/token", "222222222:AAnordwind-token-for-tests-0000000"),
    ):
        uid = await store.register(tenant, ids.token(UID_LENGTH), manager="", by="test")
        await store.vault.put(uid, path, Secret(value), by="test")

asyncio.run(seed())
plain = Toy.execute

async def slowly(self, call):
    await asyncio.sleep(SLOW)
    return await plain(self, call)

from temoctl.cli.main import main
with (
    mock.patch.object(world, "open_systemdata", open_systemdata),
    mock.patch.object(connect, "plugins", lambda: toy_plugins(vendors)),
    mock.patch.object(Toy, "execute", slowly),
):
    for words in " ".join(sys.argv[1:]).split(" ; "):
        code = main(words.split())
        print(f"[code {code}]", flush=True)
"""


class Terminal:
    """A process on a pseudo-terminal of 80 columns."""

    def __init__(self, root: Path, *words: str, slow: float = 0.0, **environment: str) -> None:
        master, slave = pty.openpty()
        self.master, self.shown = master, ""
        given = {key: value for key, value in os.environ.items() if not key.startswith("TEMOCTL") and key != "NO_COLOR"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(slow), *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True,
            env={
                **given,
                "TEMOCTL_DIR": str(root),
                "TEMOCTL_HOME": str(root / "home"),
                "TEST_KEY": "k",
                "TERM": "xterm-256color",
                "COLUMNS": "80",
                **environment,
            },
        )
        os.close(slave)

    def until(self, words: str, seconds: float = 60.0) -> str:
        """Read until these words were shown."""
        deadline = time.monotonic() + seconds
        while words not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"never shown: {words}\n{self.shown}"
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                continue
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                chunk = b""
            assert chunk, f"ended before: {words}\n{self.shown}"
            self.shown += chunk.decode(errors="replace")
        return self.shown

    def type(self, words: str) -> None:
        os.write(self.master, f"{words}\n".encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> None:
        self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        os.close(self.master)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal_of(project: Path) -> Iterator[Open]:
    """Opens terminals and closes them again, whatever the test found."""
    opened: list[Terminal] = []

    def start(*words: str, slow: float = 0.0, **environment: str) -> Terminal:
        opened.append(Terminal(project, *words, slow=slow, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_no_is_the_default_answer(terminal_of: Open) -> None:
    terminal = terminal_of("apply --all")
    terminal.until("Apply this plan? [y/N]")
    terminal.type("")
    terminal.until("Nothing has been changed.")
    terminal.until("[code 1]")
    terminal.end()


def test_yes_applies_with_live_progress_and_destroy_wants_the_id(terminal_of: Open) -> None:
    allow = "delete:supabase.schema,delete:supabase.seat,delete:supabase.table"
    destroy = f"destroy aurora --allow {allow}"
    terminal = terminal_of(f"apply --all ; {destroy} ; {destroy}", slow=0.05)
    terminal.until("[y/N]")
    terminal.type("y")
    terminal.until("Proofs:")
    assert " of " in terminal.shown and "\x1b[" in terminal.shown
    terminal.until("Type aurora to destroy it")
    terminal.type("yes")
    terminal.until("Nothing has been changed.")
    terminal.shown = ""
    terminal.until("Type aurora to destroy it")
    terminal.type("aurora")
    terminal.until("Nothing active is left")
    terminal.until("[code 0]")
    terminal.end()


def test_no_color_means_none(terminal_of: Open) -> None:
    terminal = terminal_of("plan --all", NO_COLOR="1")
    terminal.until("[code 0]")
    assert "\x1b[3" not in terminal.shown and "\x1b[1m" not in terminal.shown
    terminal.end()


def test_the_first_interrupt_lets_running_steps_end(terminal_of: Open) -> None:
    terminal = terminal_of("apply --all --yes ; status", slow=0.4)
    terminal.until("creating Store for source files")
    terminal.interrupt()
    shown = terminal.until("[code 4]")
    assert "nothing new will start" in shown and "Go on with: temoctl apply --all" in shown
    assert "Traceback" not in shown
    terminal.until("[code 0]")
    terminal.end()


def test_an_interrupt_at_a_question_is_one_calm_line(terminal_of: Open) -> None:
    terminal = terminal_of("apply --all")
    terminal.until("[y/N]")
    terminal.interrupt()
    shown = terminal.until("[code 1]")
    assert "Stopped by you." in shown and "Traceback" not in shown
    terminal.end()
