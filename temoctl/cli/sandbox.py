"""`temoctl sandbox …`: a whole world on this computer, to try things and to break them safely."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli import till
from temoctl.cli.command import command, group, split
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.sandbox.seeding import Seeded
    from temoctl.sandbox.world import World

app = group("A whole world on this computer: stand-ins for the systems, a real PostgreSQL, nothing outside 127.0.0.1.")
fault = group("Make the stand-ins misbehave, and well again.")
app.add_typer(fault, name="fault")
app.add_typer(till.app, name="billing")

N8n = Annotated[
    str, typer.Option("--n8n", metavar="fake|real", help="A stand-in (the default), or a real n8n from the cache.")
]
System = Annotated[str, typer.Option("--system", metavar="NAME", help="n8n, telegram, storage, mongodb or llm.")]


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="sandbox")


@command(app, "start")
def start(
    session: Session,
    *,
    n8n: N8n = "",
    dead: Annotated[list[str] | None, typer.Option(help="Tenants whose bot gets a revoked token.")] = None,
    foreign: Annotated[list[str] | None, typer.Option(help="Tenants whose bot already works for others.")] = None,
) -> None:
    """Start the world, or find it running; give every Telegram channel of the project a bot."""
    from temoctl.sandbox import seeding, world

    async def work() -> tuple[World, Seeded]:
        running = await world.start(_root(session), n8n=_n8n(n8n), say=session.console.whisper)
        return running, await seeding.seed(_root(session), running, dead=split(dead), foreign=split(foreign))

    running, seeded = session.run(work())
    if session.json:
        return session.document({"format_version": 1, **_world(running), "bots": [asdict(b) for b in seeded.bots]})
    session.console.say("The sandbox is up." if running.fresh else "The sandbox was already up.")
    _say_bots(session, seeded)
    session.console.say(
        "Use it:   export TEMOCTL_PROFILE=sandbox\nThen:     temoctl plan --all\nStop it:  temoctl sandbox stop"
    )
    return None


@command(app, "seed")
def seed(
    session: Session,
    *,
    dead: Annotated[list[str] | None, typer.Option(help="Tenants whose bot gets a revoked token.")] = None,
    foreign: Annotated[list[str] | None, typer.Option(help="Tenants whose bot already works for others.")] = None,
) -> None:
    """Give bots and keys to tenants that were added since the start."""
    from temoctl.sandbox import seeding, world

    async def work() -> Seeded:
        running = await world.attach(_root(session))
        return await seeding.seed(_root(session), running, dead=split(dead), foreign=split(foreign))

    seeded = session.run(work())
    if session.json:
        return session.document({"format_version": 1, "bots": [asdict(bot) for bot in seeded.bots]})
    return _say_bots(session, seeded)


@command(app, "stop")
def stop(session: Session) -> None:
    """Take everything down. The data stays in the folder."""
    from temoctl.sandbox import world

    ended = session.run(world.stop(_root(session)))
    if session.json:
        return session.document({"format_version": 1, "stopped": list(ended)})
    return session.console.say(f"Stopped: {', '.join(ended)}." if ended else "Nothing was running.")


@command(app, "status")
def status(session: Session) -> int:
    """Show what runs and where. Ends with 1 when the sandbox is not up."""
    from temoctl.sandbox import world

    found = session.run(world.status(_root(session)))
    if session.json:
        parts = [asdict(part) for part in found.parts]
        session.document({"format_version": 1, "running": found.running, "folder": str(found.folder), "parts": parts})
    elif not found.parts:
        session.console.say("No sandbox runs here. Start one with: temoctl sandbox start")
    for part in found.parts:
        session.console.say(f"{'up  ' if part.alive else 'DOWN'}  {part.title:<30} {part.url}")
    return 0 if found.running else 1


@command(app, "reset")
def reset(session: Session) -> None:
    """Forget everything: stop, wipe the folder, start and seed again what was running."""
    from temoctl.sandbox import seeding, world

    async def work() -> bool:
        running = await world.reset(_root(session))
        if running is not None:
            await seeding.seed(_root(session), running)
        return running is not None

    again = session.run(work())
    if session.json:
        return session.document({"format_version": 1, "running": again})
    return session.console.say("The sandbox is empty again" + (" and up." if again else "; start it when you like."))


@command(app, "run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
def run(
    session: Session,
    *,
    words: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run inside the world.")],
    n8n: N8n = "",
) -> int:
    """Start the world, run a command in it, take the world down. Ends with the command's exit code."""
    from temoctl.sandbox import running

    return session.run(running.run(_root(session), words, n8n=_n8n(n8n), say=session.console.whisper))


@command(app, "message")
def message(
    session: Session,
    *,
    tenant: Annotated[str, typer.Argument(help="The tenant's id.")],
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    channel: Annotated[str, typer.Option(help="Which Telegram channel, where there are several.")] = "",
    wait: Annotated[float, typer.Option(help="Seconds a real n8n gets to answer.")] = 30.0,
) -> int:
    """Write to a tenant's bot as a customer, and see who took the message and what came back."""
    from temoctl.sandbox import messages

    said = session.run(messages.say(_root(session), tenant, text, channel=channel, wait=wait))
    if session.json:
        session.document({"format_version": 1, **asdict(said)})
    else:
        say = session.console.say
        say(f"customer -> @{said.username}: {said.text}")
        if not said.delivered:
            say(f"  nobody took it: {said.why}")
        else:
            say(f"  taken by the n8n workflow “{said.took or 'unknown'}”")
            if said.reply is not None:
                say(f"@{said.username} -> customer: {said.reply}")
            elif said.runs:
                say(f"  no answer within {wait:g} s")
            else:
                say("  no answer: the stand-in n8n takes messages but runs no workflow (use --n8n real)")
    return 0 if said.delivered and (said.reply is not None or not said.runs) else 1


@command(app, "edit")
def edit(
    session: Session,
    *,
    tenant: Annotated[str, typer.Argument(help="The tenant's id.")],
    what: Annotated[str, typer.Argument(help="Which change; without it they are listed.")] = "",
) -> None:
    """Change something by hand, behind temoctl's back, so that there is drift to find."""
    from temoctl.sandbox import edits

    if not what:
        return session.console.say("\n".join(edits.EDITS))
    edited = session.run(edits.edit(_root(session), tenant, what))
    if session.json:
        return session.document({"format_version": 1, **asdict(edited)})
    return session.console.say(f"{edited.tenant}: {edited.words}")


@command(app, "remains")
def remains(session: Session) -> int:
    """List what is there of temoctl's in every system, whatever the record says. Ends with 1 when something acts."""
    from temoctl.sandbox import remains as looking

    found = session.run(looking.remains(_root(session)))
    if session.json:
        marked = [
            {"tenant": one.tenant, "system": one.system, "marker": one.marker, "what": one.what, "name": one.name}
            for one in found.marked
        ]
        lists = {"active": list(found.active), "remainders": list(found.remainders)}
        session.document({"format_version": 1, **lists, "marked": marked})
        return 0
    for line in found.active:
        session.console.say(f"active    {line}")
    for line in found.remainders:
        session.console.say(f"remains   {line}")
    if not found.active:
        session.console.say("Nothing active is left.")
    return 1 if found.active else 0


@command(fault, "add")
def fault_add(
    session: Session,
    *,
    kind: Annotated[
        str,
        typer.Argument(help="latency, 429, 500-before, 500-after, lost, late, refuse, denied or stale."),
    ],
    system: System,
    match: Annotated[str, typer.Option(help="Only requests whose 'METHOD /path' matches this pattern.")] = ".*",
    count: Annotated[int, typer.Option(help="How many requests; -1 until cleared.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long: latency, Retry-After, lateness, staleness.")] = 0.0,
    writes: Annotated[bool, typer.Option("--writes", help="Only requests that change something.")] = False,
    silent: Annotated[bool, typer.Option("--no-retry-after", help="429 without saying how long to wait.")] = False,
    skip: Annotated[int, typer.Option(help="Let that many matching requests through first.")] = 0,
) -> None:
    """Make a stand-in misbehave."""
    from temoctl.sandbox import faults
    from temoctl.systems.fake_http import Fault

    wanted = Fault(kind, match, count, seconds, not silent, writes, skip)
    session.run(faults.add(_root(session), system, wanted))
    if session.json:
        return session.document({"format_version": 1, "system": system, **asdict(wanted)})
    times = "until cleared" if count < 0 else f"for {count} request{'s' if count != 1 else ''}"
    return session.console.say(f"{system} misbehaves ({kind}) {times}.")


@command(fault, "list")
def fault_list(session: Session) -> None:
    """Show the faults in force."""
    from temoctl.sandbox import faults

    found = session.run(faults.listing(_root(session)))
    if session.json:
        return session.document({"format_version": 1, "faults": [asdict(one) for one in found]})
    for one in found:
        left = "until cleared" if one.left < 0 else f"{one.left} left"
        session.console.say(f"{one.system:<10} {one.kind:<12} {left:<14} {one.match}")
    return session.console.say("All well: no faults.") if not found else None


@command(fault, "clear")
def fault_clear(session: Session, *, system: System = "") -> None:
    """End the faults of one system, or all."""
    from temoctl.sandbox import faults

    ended = session.run(faults.clear(_root(session), system))
    if session.json:
        return session.document({"format_version": 1, "cleared": ended})
    return session.console.say(f"{ended} fault{'s' if ended != 1 else ''} ended.")


@command(fault, "latency")
def fault_latency(
    session: Session,
    *,
    seconds: Annotated[float, typer.Argument(help="How long every answer takes; 0 ends it.")],
    system: System = "",
) -> None:
    """Make every answer slow."""
    from temoctl.sandbox import faults

    now = session.run(faults.slow(_root(session), seconds, system))
    if session.json:
        return session.document({"format_version": 1, "latency": now})
    return session.console.say(", ".join(f"{name} {value * 1000:g} ms" for name, value in now.items()))


def _root(session: Session) -> Path:
    from temoctl.app.world import find_root

    return find_root(session.place)


def _n8n(given: str) -> str | None:
    if given not in ("", "fake", "real"):
        from temoctl.model.errors import UserError

        raise UserError("TEMO811", f"there is no n8n '{given}'", fix="write --n8n fake or --n8n real")
    return given or None


def _world(running: World) -> dict[str, object]:
    return {"folder": str(running.folder), "n8n": running.n8n, "fresh": running.fresh, "urls": dict(running.urls)}


def _say_bots(session: Session, seeded: Seeded) -> None:
    for bot in seeded.bots:
        note = f" ({bot.state})" if bot.state else ""
        new = "got" if bot.made else "has"
        session.console.say(f"  {bot.tenant} {new} the bot @{bot.username} for {bot.channel}{note}")
    if not seeded.bots:
        session.console.say("  no tenant has a Telegram channel yet")
