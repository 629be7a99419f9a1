"""`temoctl history`: who did what and when."""

from __future__ import annotations

from typing import Annotated

import typer

from temoctl.cli.command import command, tenant_ids
from temoctl.cli.session import Session


def register(app: typer.Typer) -> None:
    @command(app, "history")
    def history(
        session: Session,
        *,
        tenant: Annotated[
            str, typer.Argument(metavar="TENANT", help="Only this tenant.", autocompletion=tenant_ids)
        ] = "",
        limit: Annotated[int, typer.Option("--limit", min=1, max=10000, help="How many entries.")] = 30,
        audit: Annotated[bool, typer.Option("--audit", help="Every single change instead of runs.")] = False,
    ) -> None:
        """Show past runs, or every single change."""
        session.run(_history(session, tenant, limit, audit=audit))


async def _history(session: Session, tenant: str, limit: int, *, audit: bool) -> None:
    from dataclasses import asdict

    from temoctl.app.world import open_world
    from temoctl.render.history import audit_page, runs_page

    async with open_world(session.place, session.principal, connect=False, read_only=True) as world:
        if audit:
            entries = await world.store.audit(tenant or None, limit=limit)
            page, key = audit_page(entries, cells=session.console.cells), "audit"
            trees = [asdict(one) for one in entries]
        else:
            runs = await world.store.runs(tenant or None, limit=limit)
            page, key = runs_page(runs, cells=session.console.cells), "runs"
            trees = [asdict(one) for one in runs]
    if session.json:
        return session.document({"format_version": 1, key: trees})
    return session.console.show(page)
