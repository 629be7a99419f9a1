"""The certificate of a hard delete, for the terminal and as Markdown to hand to a client."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from temoctl.app.certificate import Certificate
from temoctl.render.page import Page
from temoctl.render.text import listing, pad, safe


def certificate_page(one: Certificate, *, cells: int = 80, detail: bool = False) -> Page:
    page = Page(cells)
    page.line((f"Certificate of deletion for {one.tenant}", "bold"))
    page.line(f"  tenant uid {one.uid}   installation {one.installation}")
    page.line(f"  run {one.run} by {one.by} at {_time(one.at)}")
    for entry in one.entries:
        page.line(
            (f"  {entry.verdict.value:<11}", "" if entry.verdict.value == "deleted" else "bold"),
            pad(entry.address.system, 10),
            entry.label,
        )
        page.prose(entry.evidence, indent="             ", style="dim")
        if detail:
            page.line("             ", (str(entry.address), "dim"))
    page.line("  the tenant's key  ", "destroyed" if one.key_destroyed else ("NOT destroyed", "bold red"))
    page.line((_verdict(one), "bold green" if one.complete else "bold red"))
    page.line("Not covered by this deletion:")
    for rest in one.remainders:
        page.prose(f"{rest.what}: {rest.why}", indent="  - ", hang="    ")
    return page


def certificate_markdown(one: Certificate) -> str:
    """A document of its own."""
    rows = [
        f"| {_cell(e.verdict.value)} | {_cell(e.address.system)} | {_cell(e.label)} | {_cell(e.evidence)} |"
        for e in one.entries
    ]
    lines = [
        f"# Certificate of deletion: {safe(one.tenant)}",
        "",
        f"Tenant uid `{one.uid}`, installation `{one.installation}`.",
        f"Run `{one.run}` by {safe(one.by)} at {_time(one.at)}.",
        "",
        "| result | system | object | what was seen |",
        "|---|---|---|---|",
        *rows,
        "",
        f"The tenant's key is {'destroyed' if one.key_destroyed else '**not destroyed**'}.",
        "",
        f"**{_verdict(one)}**",
        "",
        "## Not covered by this deletion",
        "",
        *(f"- **{safe(rest.what)}**: {safe(rest.why)}." for rest in one.remainders),
    ]
    return "\n".join(lines) + "\n"


def certificate_tree(one: Certificate) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "uid": one.uid,
        "installation": one.installation,
        "run": one.run,
        "by": one.by,
        "at": one.at,
        "complete": one.complete,
        "key_destroyed": one.key_destroyed,
        "objects": [
            {"address": str(e.address), "object": e.label, "verdict": e.verdict.value, "evidence": e.evidence}
            for e in one.entries
        ],
        "remainders": [{"what": rest.what, "why": rest.why} for rest in one.remainders],
    }


def _verdict(one: Certificate) -> str:
    by = Counter(entry.verdict.value for entry in one.entries)
    counted = listing([f"{number} {verdict}" for verdict, number in sorted(by.items())]) or "no objects"
    if one.complete:
        return f"Nothing active is left: {counted}."
    return f"Not everything could be verified: {counted}."


def _cell(text: str) -> str:
    return safe(text).replace("|", "\\|")


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
