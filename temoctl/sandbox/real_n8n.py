"""A real n8n of a world's own: started on the world's PostgreSQL, set up without a browser, stopped with its children.

Everything lies in one folder (0700): `n8n.json` (ports, process), `encryption-key`, `owner-password`, `api-key`,
`database-password` (0600 each), `home/`, `n8n.log`. It listens on 127.0.0.1 only. Must not know temoctl's systems.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temoctl.model.errors import Unavailable
from temoctl.model.secret import Secret
from temoctl.sandbox.folder import write_json, write_private
from temoctl.sandbox.processes import Known, end
from temoctl.sandbox.real_n8n_install import Installed, Say, install

if TYPE_CHECKING:
    import httpx

    from temoctl.systemdata.embedded import Server

HOST = "127.0.0.1"
DATABASE = "n8n"
ROLE = "n8n"
OWNER = "owner@sandbox.test"

_PATIENCE = 300.0  # seconds; the first start builds the database: about 50 s on a busy machine
_GRACE = 20.0
_STARTS = 3
_TAKEN = "is already in use"  # n8n's own words, in its log only
_OFF = (
    "insights,mcp,mcp-registry,instance-ai,chat-hub,agents,agent-evals,workflow-builder,quick-connect,"
    "instance-version-history,instance-reporting"
)
"""Modules that only call n8n's makers or make it slower."""


@dataclass(frozen=True, slots=True)
class Running:
    """A real n8n that answers. Its webhooks are reached where its API is."""

    url: str
    api_key: Secret
    pid: int
    started: bool = False  # by this call

    @property
    def webhook_url(self) -> str:
        return self.url


class PortTaken(Unavailable):
    """n8n opens its ports some seconds after they were looked for: somebody was quicker."""


class RealN8n:
    """The n8n of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def log(self) -> Path:
        return self.folder / "n8n.log"

    async def start(self, postgres: Server, *, cache: Path | None = None, say: Say = lambda line: None) -> Running:
        """The running n8n: found running, or started (and fetched first, where the cache has none)."""
        import httpx

        program = await install(cache, say)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        noted = self._noted()
        process = Known.read(noted)
        fresh = process is None or process.alive() is None
        if fresh:
            await self._database(postgres)
            noted = await asyncio.to_thread(self._spawn, program, postgres, noted)
        for left in reversed(range(_STARTS)):
            url = f"http://{HOST}:{noted['port']}"
            async with httpx.AsyncClient(base_url=url, timeout=60.0, trust_env=False) as client:
                try:
                    await self._until_ready(client, Known.read(noted))
                    return Running(url, await self._key(client), int(noted["pid"]), fresh)
                except PortTaken:
                    if not left:
                        raise
            noted = await asyncio.to_thread(self._spawn, program, postgres, {})
        raise AssertionError("the last start returns or raises")

    async def running(self) -> Running | None:
        """The n8n of this folder, if its process lives. Starts nothing, asks nobody."""
        noted, key = self._noted(), self._secret("api-key")
        process = Known.read(noted)
        if process is None or process.alive() is None or key is None:
            return None
        return Running(f"http://{HOST}:{noted['port']}", Secret(key), process.pid)

    async def stop(self) -> bool:
        """Stop it with its task runners. True if it ran."""
        return await asyncio.to_thread(end, Known.read(self._noted()), patience=_GRACE)

    # --- files

    def _noted(self) -> dict[str, Any]:
        try:
            noted: dict[str, Any] = json.loads((self.folder / "n8n.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return noted

    def _secret(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return None

    def _kept(self, name: str) -> str:
        """A secret of this n8n's, drawn once."""
        text = self._secret(name)
        if text is None:
            text = secrets.token_urlsafe(24) + "aA1"  # n8n asks for a capital and a digit
            write_private(self.folder / name, text)
        return text

    # --- starting

    async def _database(self, postgres: Server) -> None:
        """A database and a login of its own: n8n needs no right anywhere else."""
        import psycopg
        from psycopg import sql

        await postgres.ensure_database(DATABASE)
        password = self._kept("database-password")
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        async with await psycopg.AsyncConnection.connect(
            postgres.dsn(DATABASE).reveal(), autocommit=True
        ) as connection:
            known = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
            verb = "ALTER" if await known.fetchone() else "CREATE"
            await connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(sql.SQL(verb), role, sql.Literal(password))
            )
            await connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, role))

    def _spawn(self, program: Installed, postgres: Server, noted: Mapping[str, Any]) -> dict[str, Any]:
        ports = {name: _free(noted.get(name)) for name in ("port", "broker")}
        home = self.folder / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > 20_000_000:
            self.log.unlink()
        with self.log.open("a") as said:
            self.log.chmod(0o600)
            child = subprocess.Popen(
                [program.node, program.n8n, "start"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=home,
                env=self._environment(program, postgres, ports),
                start_new_session=True,  # Ctrl-C in the terminal isn't meant for it
            )
        child.returncode = 0  # nobody waits for it: it lives longer than we do
        fresh = {**_process(child.pid), **ports}
        write_json(self.folder / "n8n.json", fresh)
        return fresh

    def _environment(self, program: Installed, postgres: Server, ports: Mapping[str, int]) -> dict[str, str]:
        home = self.folder / "home"
        return {
            "PATH": f"{program.node.parent}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "NODE_ENV": "production",
            "DB_TYPE": "postgresdb",
            "DB_POSTGRESDB_HOST": postgres.host,
            "DB_POSTGRESDB_PORT": str(postgres.port),
            "DB_POSTGRESDB_DATABASE": DATABASE,
            "DB_POSTGRESDB_USER": ROLE,
            "DB_POSTGRESDB_PASSWORD_FILE": str(self.folder / "database-password"),
            "DB_POSTGRESDB_POOL_SIZE": "6",
            "N8N_USER_FOLDER": str(home),
            "N8N_LISTEN_ADDRESS": HOST,
            "N8N_PORT": str(ports["port"]),
            "WEBHOOK_URL": f"http://{HOST}:{ports['port']}/",
            "N8N_ENCRYPTION_KEY": self._kept("encryption-key"),
            "N8N_RUNNERS_BROKER_PORT": str(ports["broker"]),
            "N8N_RUNNERS_BROKER_LISTEN_ADDRESS": HOST,
            "N8N_SECURE_COOKIE": "false",
            "N8N_DIAGNOSTICS_ENABLED": "false",
            "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
            "N8N_TEMPLATES_ENABLED": "false",
            "N8N_PERSONALIZATION_ENABLED": "false",
            "N8N_HIRING_BANNER_ENABLED": "false",
            "N8N_DISABLED_MODULES": _OFF,
            "N8N_BLOCK_ENV_ACCESS_IN_NODE": "true",
            "N8N_GRACEFUL_SHUTDOWN_TIMEOUT": "10",
            "GENERIC_TIMEZONE": "UTC",
        }

    async def _until_ready(self, client: httpx.AsyncClient, process: Known | None) -> None:
        import httpx

        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            if process is None or process.alive() is None:
                raise self._failed("n8n ended right after its start", ended=True)
            try:
                answer = await client.get("/healthz/readiness")
                if answer.status_code == 200 and (await client.get("/rest/settings")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.3)
        raise self._failed(f"n8n does not answer after {_PATIENCE:.0f} s")

    def _failed(self, what: str, *, ended: bool = False) -> Unavailable:
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        kind = PortTaken if ended and _TAKEN in tail else Unavailable
        return kind("TEMO822", what, detail=tail, fix=f"look at {self.log}")

    # --- the owner and the key

    async def _key(self, client: httpx.AsyncClient) -> Secret:
        """An API key with all rights; made anew when the kept one no longer opens anything."""
        kept = self._secret("api-key")
        if kept is not None:
            answer = await client.get("/api/v1/workflows", params={"limit": 1}, headers={"X-N8N-API-KEY": kept})
            if answer.status_code == 200:
                return Secret(kept)
        await self._log_in(client)
        scopes = self._data(await client.get("/rest/api-keys/scopes"))
        label = f"temoctl {secrets.token_hex(4)}"  # n8n refuses two keys with one label
        asked = {"label": label, "expiresAt": None, "scopes": scopes}
        key = str(self._data(await client.post("/rest/api-keys", json=asked))["rawApiKey"])
        write_private(self.folder / "api-key", key)
        return Secret(key)

    async def _log_in(self, client: httpx.AsyncClient) -> None:
        settings = self._data(await client.get("/rest/settings"))
        password = self._kept("owner-password")
        if settings.get("userManagement", {}).get("showSetupOnFirstLoad"):
            who = {"email": OWNER, "firstName": "Sandbox", "lastName": "Owner", "password": password}
            self._data(await client.post("/rest/owner/setup", json=who))
        else:
            who = {"emailOrLdapLoginId": OWNER, "password": password}
            self._data(await client.post("/rest/login", json=who))

    def _data(self, answer: httpx.Response) -> Any:
        if answer.status_code != 200:
            words = answer.text[:300]
            raise Unavailable(
                "TEMO823",
                "n8n can't be set up without a browser",
                detail=f"{answer.request.url.path} answered {answer.status_code}: {words}",
                fix="`temoctl sandbox reset` makes a new one; if that doesn't help, this version of n8n differs",
            )
        return answer.json()["data"]


def _free(wanted: Any) -> int:
    """A free port: the one it had before where that is free, else one below those that connections going out take."""
    for port in (wanted, *(random.randrange(20_000, 32_000) for _ in range(50)), 0):  # noqa: S311 - no secret
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, int(port)))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("TEMO822", "there is no free port on 127.0.0.1", fix="end programs that hold ports")


def _process(pid: int) -> dict[str, Any]:
    import psutil

    return Known(pid, psutil.Process(pid).create_time(), "n8n").tree()
