"""The list of tenants with their channels, as a screen. What is wrong or under way stands below its tenant."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.app.status import TenantStatus
from temoctl.render.bill import bill_lines
from temoctl.render.page import Page
from temoctl.render.tables import ago
from temoctl.render.text import count, pad, width
from temoctl.systemdata.ports import RunRow

_STYLE = {"connected": "green", "broken": "bold red", "waiting": "bold yellow", "suspended": "bold red"}
_ENDED = {
    "done": "{done}",
    "partly": "{done} in part",
    "failed": "{mode} failed",
    "stopped": "{mode} stopped",
    "waiting": "{done}",  # what waits now is said below
    "running": "{mode} began",
}
_DONE = {"apply": "applied", "destroy": "destroyed"}


def status_page(found: Sequence[TenantStatus], *, now: float, cells: int = 80, detail: bool = False) -> Page:
    page = Page(cells)
    if not found:
        return page.line("No tenants yet. `temoctl new` writes the first spec.")
    names = max(width(one.tenant) for one in found)
    for one in found:
        _tenant(page, one, now, names, detail)
    return page


def _ended(run: RunRow) -> str:
    """`applied`, `destroyed in part`, `apply failed`."""
    return _ENDED.get(run.status, run.status).format(done=_DONE.get(run.mode, run.mode), mode=run.mode)


def _tenant(page: Page, one: TenantStatus, now: float, names: int, detail: bool) -> None:
    facts = [pad(one.state, 11), pad(count(one.objects, "object"), 10)]
    if one.last is not None:
        facts.append(f"{_ended(one.last)} {ago(now - one.last.started_at)}")
    line, manager = "  " + "  ".join(facts), f"  manager {one.manager}" if one.manager else ""
    fits = names + width(line + manager) <= page.cells
    page.line((pad(one.tenant, names), "bold"), line + (manager if fits else ""))
    if manager and not fits:
        page.line(f"  {manager}")
    for row in one.channels:
        proven = " (proven at the last apply)" if row.status == "connected" else ""
        words = f"{proven}: {row.why}" if row.why else proven
        page.prose(
            f"{row.channel}: {row.status}{words}", indent="    ", hang="      ", style=_STYLE.get(row.status, "")
        )
        if detail:
            for key, value in sorted(row.fields.items()):
                page.line("      ", (f"{key} = {value}", "dim"))
    if one.bill is not None:
        bill_lines(page, one.bill, now=now)
    if one.lease is not None:
        beat = ago(now - one.lease.heartbeat_at)
        page.line("    ", (f"{one.lease.who} works on it ({one.lease.operation}, last sign {beat})", "bold"))
    if one.unfinished:
        page.line("    ", (f"a run ended in the middle: {count(one.unfinished, 'effect')} to look up", "bold"))
        page.line(f"    go on with: temoctl apply {one.tenant}")
