"""A world started, found, looked at, stopped and wiped. One per folder, whoever asks, however often.

Everything is brought up by "ensure": what runs is kept, what died is started again, so that start after a crash heals.
Must not know tenants (seeding.py) or commands.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temoctl.model.errors import Unavailable, UserError
from temoctl.model.secret import Secret
from temoctl.sandbox import platform_file
from temoctl.sandbox.folder import Folder, read_json, write_json
from temoctl.sandbox.mongo import ADMIN
from temoctl.sandbox.processes import Known, end, python
from temoctl.sandbox.remote import Remote
from temoctl.systemdata.embedded import EmbeddedPostgres, Server

_SERVER = "temoctl.sandbox.server"
_START_PATIENCE = 60.0
FAKE, REAL = "fake", "real"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class World:
    """A running world. `fresh` tells whether this call started something."""

    folder: Path
    n8n: str
    urls: Mapping[str, str]
    control_token: Secret
    fresh: bool = False

    def remote(self) -> Remote:
        return Remote(self.urls["control"], self.control_token.reveal())


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a world for people: what it is, where, and whether it lives."""

    name: str
    title: str
    alive: bool
    url: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    folder: Path
    n8n: str
    parts: tuple[Part, ...] = field(default=())

    @property
    def running(self) -> bool:
        return bool(self.parts) and all(part.alive for part in self.parts)


async def start(
    root: Path,
    *,
    n8n: str | None = None,
    pace: platform_file.Pace | None = None,
    guest: Known | None = None,
    say: Say = lambda line: None,
) -> World:
    """The running world of a project: found, healed or started. `n8n` is "fake" or "real"; None keeps what was.

    `pace` overrides timeouts and settle seconds of the stand-ins (tests, benchmarks). A world that only guests
    (processes of `sandbox run`) asked for ends when the last of them leaves; any other start keeps it. `say` hears
    what takes long (fetching a real n8n).
    """
    folder = Folder.of(root)
    async with folder.alone():
        known = read_json(folder.world)
        mode = n8n or str(known.get("n8n") or FAKE)
        serving = Known.read(read_json(folder.serving))
        if serving and serving.alive() and known.get("n8n") not in (None, mode):
            raise UserError(
                "TEMO804",
                f"this sandbox runs with the {known['n8n']} n8n",
                fix="stop it first: `temoctl sandbox stop`, then start it with the other one",
            )
        server, databases_started = await _postgres(folder)
        served, served_started = await _serving(folder, root, mode)
        urls = {name: f"http://127.0.0.1:{port}" for name, port in served["ports"].items()}
        urls["mongodb"] = f"mongodb://127.0.0.1:{served['ports']['mongodb']}"
        n8n_started = False
        if mode == REAL:
            urls["n8n"], n8n_started = await _real_n8n(folder, server, say)
        world = World(folder.path, mode, urls, Secret(served["control_token"]))
        _write_platform(folder, world, server, pace)
        kept = guest is None or bool(known.get("kept"))
        guests = [*_guests(known), *([guest] if guest else [])]
        noted = {"version": 1, "n8n": mode, "kept": kept, "guests": [one.tree() for one in guests]}
        write_json(folder.world, {**noted, "urls": urls, **served})
    fresh = databases_started or served_started or n8n_started
    return World(folder.path, mode, urls, world.control_token, fresh)


async def attach(root: Path) -> World:
    """The running world; starts nothing. Raises UserError TEMO800 when there is none."""
    folder = Folder.of(root)
    known = read_json(folder.world)
    serving = Known.read(read_json(folder.serving))
    if not known or not serving or not serving.alive():
        raise UserError("TEMO800", "no sandbox runs here", fix="start one with `temoctl sandbox start`")
    return World(folder.path, known["n8n"], known["urls"], Secret(known["control_token"]))


async def status(root: Path) -> Status:
    """What runs. Changes nothing and waits for nobody."""
    folder = Folder.of(root)
    known = read_json(folder.world)
    if not known:
        return Status(folder.path, "")
    serving = Known.read(read_json(folder.serving))
    alive = bool(serving and serving.alive())
    database = await EmbeddedPostgres(folder.postgres).running()
    parts = [Part("postgres", "PostgreSQL", database is not None, f"127.0.0.1:{database.port}" if database else "")]
    titles = {
        "n8n": "n8n (stand-in)",
        "telegram": "Telegram (stand-in)",
        "mongodb": "MongoDB (stand-in)",
        "storage": "Supabase Storage (stand-in)",
        "llm": "language model (stand-in)",
        "stripe": "Stripe (stand-in)",
        "events": "temoctl serve (when needed)",
        "control": "control port",
    }
    for name, url in known["urls"].items():
        if name == "n8n" and known["n8n"] == REAL:
            parts.append(await _real_part(folder, url))
        else:
            parts.append(Part(name, titles.get(name, name), alive, url, serving.pid if serving and alive else 0))
    return Status(folder.path, known["n8n"], tuple(parts))


async def stop(root: Path) -> tuple[str, ...]:
    """Take everything down, also what a crash left behind. Returns what was running."""
    folder = Folder.of(root)
    if not folder.path.is_dir():
        return ()
    async with folder.alone():
        return await _take_down(folder)


async def leave(root: Path, guest: Known) -> tuple[str, ...]:
    """A guest goes; the last one of a world that nobody keeps takes it down."""
    folder = Folder.of(root)
    async with folder.alone():
        known = read_json(folder.world)
        left = [one for one in _guests(known) if one != guest]
        if known.get("kept") or left:
            write_json(folder.world, {**known, "guests": [one.tree() for one in left]})
            return ()
        return await _take_down(folder)


def _guests(known: Mapping[str, Any]) -> list[Known]:
    """The guests that still live."""
    noted = (Known.read(tree) for tree in known.get("guests", ()))
    return [one for one in noted if one and one.alive()]


async def reset(root: Path, *, again: bool = True) -> World | None:
    """Forget everything: stop, wipe the folder, and start again what was running (unless `again` is False)."""
    folder = Folder.of(root)
    was = read_json(folder.world)
    if folder.path.is_dir():
        async with folder.alone():
            await _take_down(folder)
            for entry in folder.path.iterdir():
                if entry.name == "lock":
                    continue  # others may wait for it
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return await start(root, n8n=str(was["n8n"])) if was and again else None


async def _take_down(folder: Folder) -> tuple[str, ...]:
    ended = []
    if folder.n8n.is_dir():  # not what world.json says: a start may have died before it could be noted
        from temoctl.sandbox.real_n8n import RealN8n

        if await RealN8n(folder.n8n).stop():
            ended.append("n8n")
    if await asyncio.to_thread(end, Known.read(read_json(folder.serving))):
        ended.append("stand-ins")
    postgres = EmbeddedPostgres(folder.postgres)
    if await postgres.running():
        ended.append("PostgreSQL")
    await postgres.stop()  # also one that no longer answers
    for path in (folder.world, folder.serving):
        path.unlink(missing_ok=True)
    return tuple(ended)


async def _postgres(folder: Folder) -> tuple[Server, bool]:
    postgres = EmbeddedPostgres(folder.postgres)
    running = await postgres.running()
    server = running or await postgres.start()
    if running is None or not folder.world.exists():  # a start that ended has made them
        for name in platform_file.DATABASES:
            await server.ensure_database(name)
    return server, running is None


async def _serving(folder: Folder, root: Path, mode: str) -> tuple[dict[str, Any], bool]:
    """The serving process: its ports, its control token, and whether it was started now."""
    noted, known = read_json(folder.serving), read_json(folder.world)
    process = Known.read(noted)
    if process and process.alive() and known.get("control_token"):
        return {"ports": noted["ports"], "control_token": known["control_token"]}, False
    await asyncio.to_thread(end, process)  # one whose starter died before it could note the token down
    token = secrets.token_urlsafe(24)
    config = {
        "n8n": mode,
        "ports": read_json(folder.ports),
        "control_token": token,
        "project": str(root.absolute()),
        "stripe_key": _kept(folder, "stripe-key", "sk_test_").reveal(),
        "llm_key": _kept(folder, "llm-api-key", "sk-sandbox-").reveal(),
        "n8n_key": _kept(folder, "n8n-api-key", "n8n_api_").reveal() if mode == FAKE else "",
        "storage_key": _kept(folder, "storage-key", "sb_secret_").reveal(),
        "mongodb_password": _kept(folder, "mongodb-password", "").reveal(),
    }
    answer = await asyncio.to_thread(_spawn, folder, config)
    write_json(folder.ports, answer["ports"])
    return {"ports": answer["ports"], "control_token": token}, True


def _spawn(folder: Folder, config: Mapping[str, Any]) -> dict[str, Any]:
    said = python(
        _SERVER, [str(folder.path)], json.dumps(config), log=folder.log, cwd=folder.path, patience=_START_PATIENCE
    )
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError:
        raise Unavailable(
            "TEMO805",
            "the sandbox's stand-ins don't start",
            detail=folder.log.read_text(errors="replace")[-2000:],
            fix=f"look at {folder.log}",
        ) from None
    return answer


def _kept(folder: Folder, name: str, prefix: str) -> Secret:
    """A key of this world, made once."""
    text = folder.secret(name)
    if text is None:
        text = prefix + secrets.token_hex(16)
        folder.keep_secret(name, text)
    return Secret(text)


def _write_platform(folder: Folder, world: World, server: Server, pace: platform_file.Pace | None) -> None:
    dsns = {f"{name}-dsn": server.dsn(name) for name in ("systemdata", "sessions", "knowledge")}
    dsns["mongodb-uri"] = _with_login(world.urls["mongodb"], _kept(folder, "mongodb-password", ""))
    usual = pace or platform_file.PACES[FAKE]
    platform_file.write(folder, world.urls, dsns, usual, usual if world.n8n == FAKE else platform_file.PACES[REAL])


def _with_login(url: str, password: Secret) -> Secret:
    """MongoDB's address as temoctl itself uses it. The password is hexadecimal: nothing of it needs an escape."""
    return Secret(url.replace("://", f"://{ADMIN}:{password.reveal()}@") + "/?authSource=admin")


async def _real_n8n(folder: Folder, server: Server, say: Say) -> tuple[str, bool]:
    """The real n8n's address, and whether it was started now. Its key goes where platform.yaml looks for it."""
    from temoctl.sandbox.real_n8n import RealN8n

    running = await RealN8n(folder.n8n).start(server, say=say)
    if folder.secret("n8n-api-key") != running.api_key.reveal():
        folder.keep_secret("n8n-api-key", running.api_key.reveal())
    return running.url, running.started


async def _real_part(folder: Folder, url: str) -> Part:
    from temoctl.sandbox.real_n8n import RealN8n

    running = await RealN8n(folder.n8n).running()
    return Part("n8n", "n8n (real)", running is not None, url, running.pid if running else 0)
