"""`temoctl status`: what is on record now, without asking any system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from temoctl.cli.command import Tenants, command
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.status import TenantStatus


def register(app: typer.Typer) -> None:
    @command(app, "status")
    def status(session: Session, *, tenants: Tenants = None) -> None:
        """Show tenants and their channels. Also who works on them and what was last done."""
        session.run(_status(session, tuple(tenants or ())))


async def _status(session: Session, tenants: tuple[str, ...]) -> None:
    from temoctl.app.status import status

    found, now = await status(session.place, session.principal, tenants)
    if session.json:
        return session.document({"format_version": 1, "tenants": [_tree(one) for one in found]})
    from temoctl.render.status import status_page

    return session.console.show(status_page(found, now=now, cells=session.console.cells, detail=session.detail))


def _tree(one: TenantStatus) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)
