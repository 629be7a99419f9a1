"""Several processes, signals, and a database that goes away: whatever happens, the next run comes to rest."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from temoctl.sandbox.folder import Folder
from temoctl.systemdata.embedded import EmbeddedPostgres
from tests.acceptance.command import Desk

pytestmark = pytest.mark.postgres

LEASE = 3
UNDER_WAY = "SELECT count(*) > 0 FROM temoctl.intents WHERE ending IS NULL"
LEASE_OVER = "SELECT bool_and(expires_at < clock_timestamp()) FROM temoctl.leases WHERE holder <> ''"
BROKEN = "SELECT count(*) FROM temoctl.audit WHERE action = 'unlocked'"
KEPT = "SELECT address, props::text, ref FROM temoctl.resources ORDER BY 1"


def change(desk: Desk, words: str) -> None:
    """Something for the next apply to do: texts of the bot and of the tenant's workflow, and a longer price list."""
    spec = desk.project / "tenant_specs" / "aurora.yaml"
    text = spec.read_text()
    start, end = text.index("  tone: "), text.index("\n", text.index("  tone: "))
    spec.write_text(f"{text[:start]}  tone: {words}{text[end:]}")
    menu = desk.project / "tenant_specs" / "kb" / "aurora" / "menu.csv"
    menu.write_text(f"{menu.read_text()}{abs(hash(words)) % 10**6:06d},{words},coffee,1.00,true,new\n")


def calm(said: Path) -> str:
    """What a command printed, which is words for people whatever happened to it."""
    text = said.read_text()
    assert "Traceback" not in text and "TEMO900" not in text and "\x1b" not in text, text
    return text


def test_two_applies_of_one_tenant_leave_one_world(slow: Desk, tmp_path: Path) -> None:
    change(slow, "two at once")
    said = tmp_path / "first", tmp_path / "second"
    both = [slow.spawn("apply", "aurora", "--yes", said=one) for one in said]
    codes = sorted(one.wait(timeout=60) for one in both)
    texts = [calm(one) for one in said]
    # The slower one finds the tenant held, or comes when all is done: its plan is empty then, or stale.
    assert codes[0] == 0 and codes[1] in (0, 1, 6), (codes, texts)
    if codes[1] == 6:
        assert any("TEMO600" in text for text in texts)


@pytest.mark.slow
def test_who_sleeps_past_the_lease_changes_nothing_more(slow: Desk, tmp_path: Path) -> None:
    """A laptop's lid: the run is frozen, another one takes over, and then the first wakes up."""
    platform = Folder(slow.world).platform
    written = platform.read_text()
    tree = yaml.safe_load(written)
    tree["systemdata"]["lease_seconds"] = LEASE
    platform.write_text(yaml.safe_dump(tree))
    try:
        change(slow, "asleep")
        sleeper = slow.spawn("apply", "aurora", "--yes", said=tmp_path / "sleeper")
        slow.until(UNDER_WAY)
        os.killpg(sleeper.pid, signal.SIGSTOP)
        slow.until(LEASE_OVER)
        slow.must("apply", "aurora", "--yes")
        writes, kept = slow.writes(), slow.query(KEPT)
        os.killpg(sleeper.pid, signal.SIGCONT)
        assert sleeper.wait(timeout=60) != 0
        assert slow.writes() == writes
        assert slow.query(KEPT) == kept
        assert "another run took over" in calm(tmp_path / "sleeper") or "no longer holds" in calm(tmp_path / "sleeper")
    finally:
        platform.write_text(written)


@pytest.mark.slow
def test_postgresql_restarted_in_mid_apply(slow: Desk, tmp_path: Path) -> None:
    change(slow, "restarted")
    run = slow.spawn("apply", "aurora", "--yes", said=tmp_path / "said")
    slow.until(UNDER_WAY)

    async def restart() -> None:
        postgres = EmbeddedPostgres(Folder(slow.world).postgres)
        await postgres.stop()
        await postgres.start()

    asyncio.run(restart())
    assert run.wait(timeout=90) in (0, 1, 4)
    calm(tmp_path / "said")
    slow.must("apply", "--all", "--yes")


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_asked_to_stop_it_ends_what_runs_and_starts_nothing(slow: Desk, tmp_path: Path, number: signal.Signals) -> None:
    change(slow, f"stopped by {number.name}")
    run = slow.spawn("apply", "aurora", "--yes", said=tmp_path / "said")
    slow.until(UNDER_WAY)
    os.kill(run.pid, number)
    assert run.wait(timeout=60) in (1, 4)
    text = calm(tmp_path / "said")
    assert "temoctl apply aurora" in text, text
    cut_off = slow.query("SELECT step FROM temoctl.intents WHERE ending IS NULL AND NOT step LIKE '%!delete'")
    assert not cut_off, "only the old half of a replace may be left for the next run"


@pytest.mark.slow
def test_asked_twice_it_stops_at_once(slow: Desk, tmp_path: Path) -> None:
    slow.must("sandbox", "fault", "latency", "30", "--system", "n8n")
    try:
        change(slow, "stopped at once")
        run = slow.spawn("apply", "aurora", "--yes", said=tmp_path / "said")
        slow.until(UNDER_WAY, seconds=60)
        os.kill(run.pid, signal.SIGINT)
        os.kill(run.pid, signal.SIGINT)
        asked = time.monotonic()
        assert run.wait(timeout=60) in (1, 4)
        assert time.monotonic() - asked < 20, "it waited for n8n"
        assert "temoctl apply aurora" in calm(tmp_path / "said")
    finally:
        slow.must("sandbox", "fault", "latency", "0.25", "--system", "n8n")


def test_a_killed_run_keeps_nobody_waiting(slow: Desk) -> None:
    """The lease of a process that is dead on this very computer is no reason to wait a minute."""
    change(slow, "killed")
    run = slow.spawn("apply", "aurora", "--yes")
    slow.until(UNDER_WAY)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    broken = slow.query(BROKEN)
    slow.must("apply", "aurora", "--yes")
    assert slow.query(BROKEN)[0][0] == broken[0][0] + 1, "it waited for the lease to run out"
    rows = slow.ask("history", "aurora")["runs"]
    assert "stopped" in [row["status"] for row in rows] and "running" not in [row["status"] for row in rows]
