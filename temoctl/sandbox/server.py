"""The serving process: every stand-in of one world on its own port, and the control port. `python -m` this module.

It reads its configuration from standard input (it holds keys, which have no place on a command line), answers one
line with its ports, and serves until it is told to end or its folder is gone. Must not know projects or tenants.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from temoctl.engine.clock import SystemClock
from temoctl.engine.ports import Clock
from temoctl.sandbox import memory
from temoctl.sandbox.control import Control
from temoctl.sandbox.folder import Folder, read_json, write_json
from temoctl.sandbox.hearer import Hearer
from temoctl.sandbox.mongo.listener import MongoListener, stand_in
from temoctl.sandbox.openai import FakeOpenAI
from temoctl.sandbox.processes import Known
from temoctl.sandbox.serving import HOST, Serving, bind, free_port, port_of
from temoctl.systems.fake_http import FakeHttp
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.stripe.fake_billing import Dunning
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.telegram.fake import FakeTelegram
from temoctl.systems.telegram.fake_delivery import HttpPoster

MODULE = "temoctl.sandbox.server"
_BEAT = 0.25


def fakes(
    config: Mapping[str, Any], urls: Mapping[str, str], clock: Clock, poster: HttpPoster, hearer: Hearer
) -> dict[str, FakeHttp]:
    """The stand-ins of a world by name; no n8n where a real one runs."""
    made: dict[str, FakeHttp] = {
        "mongodb": stand_in(clock, config["mongodb_password"]),
        "stripe": FakeStripe(
            clock,
            key=config["stripe_key"],
            deliver=hearer,
            dunning=Dunning(at_last="unpaid"),
            ready=True,
            seed=secrets.randbits(32),
        ),
        "telegram": FakeTelegram(clock, poster=poster),
        "storage": FakeStorage(clock, key=config["storage_key"]),
        "llm": FakeOpenAI(clock, key=config["llm_key"]),
    }
    if config["n8n"] == "fake":
        made["n8n"] = FakeN8n(
            clock,
            aside=True,
            api_key=config["n8n_key"],
            webhook_url=urls["n8n"],
            bots=httpx.AsyncHTTPTransport(),
            postgres=try_login,
            seed=secrets.randbits(32),  # a world started again must not give its old ids to other objects
        )
    return made


async def try_login(credential: Mapping[str, Any]) -> str | None:
    """What n8n's test of a PostgreSQL credential does: log in. None when that works, else PostgreSQL's words."""
    import psycopg

    names = {"host": "host", "port": "port", "database": "dbname", "user": "user", "password": "password"}
    given = {names[key]: value for key, value in credential.items() if key in names}
    try:
        connection = await psycopg.AsyncConnection.connect(**given, connect_timeout=5)
    except psycopg.Error as error:
        return str(error).strip()
    await connection.close()
    return None


async def serve(folder: Folder, config: Mapping[str, Any]) -> None:
    clock, poster = SystemClock(), HttpPoster()
    names = (
        "mongodb",
        "telegram",
        "storage",
        "llm",
        "stripe",
        "control",
        *(("n8n",) if config["n8n"] == "fake" else ()),
    )
    listeners = {name: bind(config["ports"].get(name, 0)) for name in names}
    ports = {name: port_of(listener) for name, listener in listeners.items()}
    ports["events"] = free_port(config["ports"].get("events", 0))
    hearer = Hearer(Path(config["project"]), folder.path, ports["events"], poster)
    made = fakes(config, {name: f"http://{HOST}:{port}" for name, port in ports.items()}, clock, poster, hearer)
    memory.load(made, folder.memory)
    control = Control(clock, made, config["control_token"])
    wires = {name: one for name, one in made.items() if isinstance(one, MongoListener)}
    web = {name: one for name, one in made.items() if name not in wires}
    serving = Serving({**web, "control": control}, listeners)
    await asyncio.gather(*(one.start(listeners[name]) for name, one in wires.items()))
    me = Known.myself(MODULE)
    write_json(folder.serving, me.tree() | {"ports": ports})
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.stop)
    sys.stdout.write(json.dumps({"ports": ports, **me.tree()}) + "\n")
    sys.stdout.flush()
    _let_go_of_stdout()
    beats = [asyncio.create_task(one) for one in (_beat(folder, me, made, serving), _bill(made))]
    try:
        await serving.run()
    finally:
        for beat in beats:
            beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beat
        await hearer.close()
        await asyncio.gather(*(one.stop() for one in wires.values()))
        await poster.close()
        if folder.path.is_dir():
            memory.save(made, folder.memory)


async def _beat(folder: Folder, me: Known, made: Mapping[str, FakeHttp], serving: Serving) -> None:
    """What happens by itself: deliveries are tried again, late effects land, and a lost world ends."""
    telegram = made["telegram"]
    while True:
        await asyncio.sleep(_BEAT)
        await asyncio.gather(*(fake.land_late_effects() for fake in made.values()))
        if isinstance(telegram, FakeTelegram):
            await telegram.deliver_due()
        if read_json(folder.serving).get("pid") != me.pid:
            serving.stop()  # the folder was removed or belongs to another process: nobody could stop us any more


async def _bill(made: Mapping[str, FakeHttp]) -> None:
    """Subscriptions go on by themselves, and what happens to them is told. Who hears it may take a while to answer."""
    stripe = made["stripe"]
    while isinstance(stripe, FakeStripe):
        await asyncio.sleep(_BEAT)
        await stripe.deliver_due()


def _let_go_of_stdout() -> None:
    """Whoever started us reads one line; holding the pipe open would keep them waiting for more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def main() -> None:
    folder = Folder(Path(sys.argv[1]))
    asyncio.run(serve(folder, json.load(sys.stdin)))


if __name__ == "__main__":
    main()
