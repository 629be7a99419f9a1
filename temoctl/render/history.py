"""Past runs and single changes as lists, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from temoctl.render.page import Page
from temoctl.render.tables import table
from temoctl.render.text import duration
from temoctl.systemdata.ports import AuditRow, RunRow


def runs_page(rows: Sequence[RunRow], *, cells: int = 80) -> Page:
    shown = [
        (time(one.started_at), one.tenant, one.mode, one.status, _length(one), _counts(one), one.by) for one in rows
    ]
    headings = ("STARTED (UTC)", "TENANT", "WHAT", "ENDED", "TOOK", "STEPS", "BY")
    return table(headings, shown, cells=cells, empty="Nothing was ever run here.")


def audit_page(rows: Sequence[AuditRow], *, cells: int = 80) -> Page:
    shown = [(time(one.at), one.tenant, one.action, one.subject, one.by) for one in rows]
    return table(("AT (UTC)", "TENANT", "ACTION", "WHAT", "BY"), shown, cells=cells, empty="Nothing was ever changed.")


def time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def _length(one: RunRow) -> str:
    return duration(one.finished_at - one.started_at) if one.finished_at is not None else ""


def _counts(one: RunRow) -> str:
    """`9 done, 1 failed`, as far as the run got to say it."""
    words = (("done", "done"), ("failed", "failed"), ("not_tried", "not tried"))
    return ", ".join(f"{one.summary[key]} {word}" for key, word in words if one.summary.get(key))
