"""`temoctl archive`: keep what conversations are about to lose. Meant to be run every day, by hand or by a timer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import Everyone, Tenants, command
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.requests import ArchiveRequest


def register(app: typer.Typer) -> None:
    @command(app, "archive")
    def archive(
        session: Session,
        *,
        tenants: Tenants = None,
        everyone: Everyone = False,
        days: Annotated[
            float,
            typer.Option("--days", min=0, max=24_855, help="Archive what expires within so many days."),
        ] = 3.0,
    ) -> int:
        """Keep messages that are about to expire. In the file store, for tenants whose spec asks for it."""
        from temoctl.app.requests import ArchiveRequest

        return session.run(_archive(session, ArchiveRequest(session.place, tuple(tenants or ()), everyone, days)))


async def _archive(session: Session, request: ArchiveRequest) -> int:
    from temoctl.app.archive import archive
    from temoctl.app.exits import of_archived
    from temoctl.app.world import open_world
    from temoctl.render.archive import archived_page, archived_tree

    async with open_world(session.place, session.principal) as world:
        done = await archive(world, request)
    if session.json:
        session.document({"format_version": 1, "archived": [archived_tree(one) for one in done]})
    else:
        session.console.show(archived_page(done, cells=session.console.cells))
    return of_archived(done)
