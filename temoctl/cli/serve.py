"""`temoctl serve`: hear what Stripe has to tell, until Ctrl-C."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import command
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.app.billing_events import Hearing

PORT = 8424


def register(app: typer.Typer) -> None:
    @command(app, "serve")
    def serve(
        session: Session,
        *,
        host: Annotated[
            str,
            typer.Option(
                help="The address to listen at; others than this computer's own reach it only with another one."
            ),
        ] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = PORT,
        until_input_ends: Annotated[
            bool, typer.Option("--until-input-ends", hidden=True, help="End when standard input does.")
        ] = False,
    ) -> None:
        """Hear Stripe's events and suspend or serve tenants by them. Runs until Ctrl-C.

        Stripe sends to https only: put a proxy with a certificate in front, and give its address as
        `systems.stripe.webhook_url`.
        """
        session.run(_serve(session, host, port, until_input_ends=until_input_ends))


async def _serve(session: Session, host: str, port: int, *, until_input_ends: bool) -> None:
    from temoctl.app.billing_events import open_events
    from temoctl.serve import Listener, application, run

    listener = Listener.at(host, port)
    async with open_events(session.place, session.principal) as events:
        made = application(events, heard=lambda one: _tell(session, one), complain=session.console.whisper)
        if session.json:
            session.line({"event": "listening", "url": listener.url})
        session.console.say(f"Listening at {listener.url} (POST /stripe/events, GET /health). Ctrl-C ends it.")
        await run(made, listener, until_input_ends=until_input_ends)
    session.console.say("Stopped.")


def _tell(session: Session, one: Hearing) -> None:
    """One line for each delivery."""
    if session.json:
        from dataclasses import asdict

        return session.line({"event": "delivery", "at": time.time(), **{f: str(v) for f, v in asdict(one).items()}})
    about = "  ".join(part for part in (one.event, one.type, one.tenant) if part)
    why = f" ({one.why})" if one.why else ""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    return session.console.say(f"{stamp}  {about + ': ' if about else ''}{one.heard.value}{why}")
