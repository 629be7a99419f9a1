"""`temoctl status`: what is on record now, and what is paid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from temoctl.cli.command import Tenants, command
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.status import TenantStatus


def register(app: typer.Typer) -> None:
    @command(app, "status")
    def status(
        session: Session,
        *,
        tenants: Tenants = None,
        link: Annotated[
            bool, typer.Option("--link", help="Make an address where the tenant's client enters a card.")
        ] = False,
    ) -> None:
        """Show tenants, their channels and what they pay. Also who works on them and what was last done."""
        if link:
            return session.run(_link(session, tuple(tenants or ())))
        return session.run(_status(session, tuple(tenants or ())))


async def _link(session: Session, tenants: tuple[str, ...]) -> None:
    from temoctl.app.links import payment_link
    from temoctl.model.errors import UserError

    if len(tenants) != 1:
        raise UserError("TEMO100", "a link is for one tenant", fix="name it: temoctl status TENANT --link")
    found = await payment_link(session.place, session.principal, tenants[0])
    if session.json:
        tree = {"url": found.url, "expires": found.expires, "instructions": found.instructions}
        return session.document({"format_version": 1, "tenant": tenants[0], **tree})
    until = f" (until {datetime.fromtimestamp(found.expires, UTC):%d %b %H:%M} UTC)" if found.expires else ""
    session.console.say(f"For the client of {tenants[0]}{until}:\n{found.url}")
    return session.console.say(found.instructions[:1].upper() + found.instructions[1:] + ".")


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
