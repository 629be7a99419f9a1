"""The embedded default: a real PostgreSQL of our own on this machine, for SystemData and the sandbox.

Started by the first process that needs it, shared by all, kept running in the background until `stop()`. It listens on
127.0.0.1 and on a socket in its own 0700 folder, asks everybody for a password (SCRAM), and survives `kill -9`.
Must not know what is stored in it.

The folder holds: `lock` (who starts or stops is alone), `password` (0600), `server.json` (port), `data/`.
Root's server runs as another account. That account could not reach a folder under a closed one, and we don't open
folders: it gets `data/` as an open descriptor (`/proc/self/fd/N`) instead of a path.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from temoctl.model.errors import Refused, Unavailable
from temoctl.model.secret import Secret
from temoctl.systemdata.embedded_binaries import Account, Binaries, binaries, server_account

if TYPE_CHECKING:
    from psycopg import Connection

HOST = "127.0.0.1"
USER = "temoctl"
PATIENCE = 30.0  # seconds a start may take, including the end of a killed server's orphans
SOCKET_PATH_LIMIT = 100  # the kernel's is 107 bytes (103 on macOS)
LOG_LIMIT = 10_000_000

SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "max_parallel_workers": "0",
    "max_locks_per_transaction": "128",
    "io_method": "sync",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # a failing statement may hold a password: its text never reaches the log
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to log in as its owner. `socket_dir` is "" when the path would be too long."""

    host: str
    port: int
    socket_dir: str
    user: str
    password: Secret

    def dsn(self, database: str, *, user: str | None = None, password: Secret | str | None = None) -> Secret:
        """A PostgreSQL URL over TCP. It holds a password, so it is a secret."""
        given = self.password if password is None else password
        text = given.reveal() if isinstance(given, Secret) else given
        name = quote(user or self.user, safe="")
        return Secret(f"postgresql://{name}:{quote(text, safe='')}@{self.host}:{self.port}/{quote(database, safe='')}")

    async def ensure_database(self, name: str) -> None:
        """Make the database if there is none. Only its owner and who is granted it may connect (DECISIONS 8)."""
        import psycopg
        from psycopg import errors, sql

        async with await psycopg.AsyncConnection.connect(self.dsn("postgres").reveal(), autocommit=True) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if await found.fetchone():
                return
            try:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (errors.DuplicateDatabase, errors.UniqueViolation):
                return  # another process was first
            await connection.execute(
                sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
            )


class EmbeddedPostgres:
    """The server of one folder. `durable` False gives up crash safety for speed: for tests only."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.durable = durable

    async def start(self) -> Server:
        """The running server: found running, or started. Any number of processes may call this at once."""
        return await asyncio.to_thread(self._start)

    async def running(self) -> Server | None:
        """The server if it runs now; starts nothing."""
        return await asyncio.to_thread(self._attach)

    async def stop(self) -> None:
        """Stop the server for everybody who uses it; fine when it isn't running."""
        await asyncio.to_thread(self._stop)

    async def ensure_database(self, name: str) -> None:
        await (await self.start()).ensure_database(name)

    def _start(self) -> Server:
        attached = self._attach()
        if attached is not None:
            return attached
        self._own_folder()
        with self._alone():
            account = server_account()
            programs = binaries(account)
            self._prepare_data(account, programs)
            return self._bring_up(account, programs)

    def _attach(self) -> Server | None:
        """The fast way: a login with the kept password proves that it is our server and that it works."""
        try:
            known = json.loads((self.folder / "server.json").read_text())
            password = Secret((self.folder / "password").read_text())
            server = Server(HOST, int(known["port"]), str(known["socket_dir"]), USER, password)
        except (FileNotFoundError, ValueError, KeyError):
            return None
        connection = _login(server)
        if connection is None:
            return None
        connection.close()
        return server

    def _own_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.stat()
        if found.st_uid != os.geteuid():
            raise Refused(
                "TEMO642",
                f"the database folder {self.folder} belongs to another account",
                fix="Run temoctl as the account that made it, or choose another folder.",
            )
        if found.st_mode & 0o077:
            self.folder.chmod(0o700)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _prepare_data(self, account: Account, programs: Binaries) -> None:
        data = self.folder / "data"
        if data.is_dir():
            found = int((data / "PG_VERSION").read_text())
            if found != programs.major:
                raise Refused(
                    "TEMO641",
                    f"the database folder was made by PostgreSQL {found}; this temoctl brings PostgreSQL "
                    f"{programs.major}",
                    detail=f"folder: {data}",
                    fix="Use the temoctl version that made it, or move the data over with pg_dump or pg_upgrade.",
                )
            if not (self.folder / "password").exists():
                raise Refused(
                    "TEMO642",
                    f"the password file of the database is gone: {self.folder / 'password'}",
                    fix="Put the file back from a backup; it can't be made again.",
                )
            return
        fresh = self.folder / "data.new"  # renamed when whole: a killed initdb leaves no half-made data folder
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        password = secrets.token_urlsafe(32)
        _write_private(self.folder / "password", password)
        handed_over = self.folder / "password.init"
        _write_private(handed_over, password)
        if account.drops:
            os.chown(fresh, account.uid, account.gid)
            os.chown(handed_over, account.uid, account.gid)
        descriptor = os.open(handed_over, os.O_RDONLY)
        try:
            options = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile=/dev/fd/{descriptor}"]
            locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            speed = [] if self.durable else ["--no-sync"]
            self._run(account, programs, "initdb", fresh, [*options, *locale, *speed], also=(descriptor,))
        finally:
            os.close(descriptor)
            handed_over.unlink()
        fresh.rename(data)

    def _bring_up(self, account: Account, programs: Binaries) -> Server:
        deadline = time.monotonic() + PATIENCE
        port = self._kept_port() or _free_port()
        said = ""
        while time.monotonic() < deadline:
            if self._postmaster() is not None:
                attached = self._attach()
                if attached is not None:
                    return attached
                time.sleep(0.05)  # it is starting, recovering or stopping
                continue
            (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
            if not _is_free(port):
                port = _free_port()
            socket_dir = self._socket_dir(account, port)
            _write_private(self.folder / "server.json", json.dumps({"port": port, "socket_dir": socket_dir}))
            said = self._try_start(account, programs, port, socket_dir)
            if said:
                time.sleep(0.1)  # a killed server's backends still hold its memory, or the port was just taken
        raise Unavailable(
            "TEMO640",
            "the built-in PostgreSQL doesn't start",
            detail=f"{said}\n{self._log_tail()}".strip(),
            fix=f"Look at the end of {self.folder / 'data' / 'server.log'}; a full disk is the usual cause.",
        )

    def _try_start(self, account: Account, programs: Binaries, port: int, socket_dir: str) -> str:
        log = self.folder / "data" / "server.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".old"))
        settings = SETTINGS | ({} if self.durable else NOT_DURABLE)
        settings |= {"port": str(port), "unix_socket_directories": self._socket_setting(socket_dir)}
        flags = " ".join(f"-c {name}={value}" for name, value in settings.items())
        arguments = ["start", "--wait", f"--timeout={int(PATIENCE)}", "--silent", "--log", "{data}/server.log"]
        try:
            self._run(account, programs, "pg_ctl", self.folder / "data", [*arguments, "--options", flags])
        except Unavailable as problem:
            return problem.detail
        return ""

    def _stop(self) -> None:
        if not (self.folder / "data").is_dir():
            return
        with self._alone():
            if self._postmaster() is not None:
                account = server_account()
                arguments = ["stop", "--wait", "--mode=fast", f"--timeout={int(PATIENCE)}", "--silent"]
                self._run(account, binaries(account), "pg_ctl", self.folder / "data", arguments)
            try:
                socket_dir = Path(str(json.loads((self.folder / "server.json").read_text())["socket_dir"]))
            except (FileNotFoundError, ValueError, KeyError):
                return
            if socket_dir != self.folder / "data" and socket_dir.name.startswith("temoctl-pg-"):
                shutil.rmtree(socket_dir, ignore_errors=True)

    def _run(
        self,
        account: Account,
        programs: Binaries,
        tool: str,
        data: Path,
        arguments: list[str],
        *,
        also: tuple[int, ...] = (),
    ) -> None:
        """Run initdb or pg_ctl on the data folder as the server's account, with nothing of our environment."""
        descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
        place = f"/proc/self/fd/{descriptor}" if account.drops else str(data)
        command = [programs.tool(tool), "-D", place, *(one.replace("{data}", place) for one in arguments)]
        try:
            with tempfile.TemporaryFile() as output:  # a pipe would stay open in the server and never end
                done = subprocess.run(
                    command,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                    cwd="/",
                    umask=0o077,
                    start_new_session=True,  # Ctrl-C in the terminal isn't meant for the server
                    pass_fds=(descriptor, *also),
                    user=account.uid if account.drops else None,
                    group=account.gid if account.drops else None,
                    extra_groups=[] if account.drops else None,
                )
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
        finally:
            os.close(descriptor)
        if done.returncode != 0:
            raise Unavailable("TEMO640", f"{tool} of the built-in PostgreSQL failed", detail=said)

    def _postmaster(self) -> int | None:
        """The process id in the pid file, if that process is our server (after a reboot it may be anybody)."""
        try:
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if _serves(pid, self.folder / "data") else None

    def _kept_port(self) -> int | None:
        """The port of the last time: what others were told stays true as long as it is free."""
        try:
            return int(json.loads((self.folder / "server.json").read_text())["port"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _socket_dir(self, account: Account, port: int) -> str:
        """The data folder, or where its path is too long for a socket a private folder under the temporary one."""
        data = self.folder / "data"
        if len(os.fsencode(data / f".s.PGSQL.{port}")) <= SOCKET_PATH_LIMIT:
            return str(data)
        short = tempfile.mkdtemp(prefix="temoctl-pg-", dir="/tmp")  # it makes a new folder with mode 0700
        if account.drops:
            os.chown(short, account.uid, account.gid)
        return short

    def _socket_setting(self, socket_dir: str) -> str:
        return "." if socket_dir == str(self.folder / "data") else socket_dir  # relative to where the server stands

    def _log_tail(self) -> str:
        try:
            return "\n".join((self.folder / "data" / "server.log").read_text(errors="replace").splitlines()[-12:])
        except FileNotFoundError:
            return ""


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is a live PostgreSQL on this data folder: a server stands in its data folder."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").samefile(data)
        except OSError:  # gone, or a zombie, or somebody else's
            return False
    shown = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in shown.stdout


def _login(server: Server) -> Connection[tuple[object, ...]] | None:
    import psycopg

    try:
        # require_auth: whoever listens there instead never gets to see the password
        return psycopg.connect(
            server.dsn("postgres").reveal(), connect_timeout=2, autocommit=True, require_auth="scram-sha-256"
        )
    except psycopg.OperationalError:
        return None


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this account can read, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    fresh.replace(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
