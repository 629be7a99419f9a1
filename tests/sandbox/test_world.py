"""A world starts once, heals, stops without a trace, and is nobody else's business."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from temoctl.model.errors import UserError
from temoctl.sandbox import world
from temoctl.sandbox.folder import Folder, read_json
from temoctl.sandbox.processes import Known
from temoctl.spec import load_project

pytestmark = pytest.mark.anyio


def processes_of(root: Path) -> list[psutil.Process]:
    """Everything that runs for a project's sandbox, by what it was started with or where it stands."""
    folder = str(Folder.of(root).path)
    found = []
    for process in psutil.process_iter():
        try:
            if folder in " ".join(process.cmdline()) or process.cwd().startswith(folder):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


async def until(condition: object, seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():  # type: ignore[operator]
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


async def test_it_starts_serves_and_stops_without_a_trace(project: Path) -> None:
    up = await world.start(project)
    assert up.fresh
    assert (await world.status(project)).running
    for name, path in {"telegram": "/bot1:AAAAAAAA/getMe", "n8n": "/healthz", "llm": "/v1/models"}.items():
        async with httpx.AsyncClient(base_url=up.urls[name], trust_env=False) as client:
            assert (await client.get(path)).status_code in (200, 401), name
    assert processes_of(project)
    assert set(await world.stop(project)) == {"stand-ins", "PostgreSQL"}
    assert not processes_of(project)
    assert await world.stop(project) == ()
    assert not (await world.status(project)).running
    with pytest.raises(UserError) as caught:
        await world.attach(project)
    assert caught.value.code == "TEMO800"


async def test_a_second_start_finds_the_first_and_ports_come_back(project: Path) -> None:
    first = await world.start(project)
    again = await world.start(project)
    assert not again.fresh
    assert again.urls == first.urls
    await world.stop(project)
    third = await world.start(project)
    assert third.fresh
    assert third.urls == first.urls


async def test_two_starts_at_once_give_one_world(project: Path) -> None:
    code = (
        "import asyncio, pathlib, sys; from temoctl.sandbox import world\n"
        "up = asyncio.run(world.start(pathlib.Path(sys.argv[1])))\n"
        "print(sorted(up.urls.items()), up.fresh)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(project)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [await asyncio.to_thread(child.communicate) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    lines = [out.strip() for out, _ in said]
    assert len({line.rpartition(" ")[0] for line in lines}) == 1
    assert sorted(line.rpartition(" ")[2] for line in lines) == ["False", "False", "True"]
    servers = [one for one in processes_of(project) if "temoctl.sandbox.server" in one.cmdline()]
    assert len(servers) == 1


async def test_only_this_account_can_read_it(running: tuple[Path, world.World]) -> None:
    root, up = running
    assert stat.S_IMODE(up.folder.stat().st_mode) == 0o700
    private = [up.folder / "world.json", up.folder / "serving.json", up.folder / "platform.yaml"]
    private += [up.folder / "serving.log", up.folder / "master.key", *(up.folder / "secrets").iterdir()]
    assert len(private) > 8
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in private} == {path.name: 0o600 for path in private}
    secrets = [path.read_text().strip() for path in (up.folder / "secrets").iterdir()]
    shown = ""
    for process in processes_of(root):
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's own workers come and go
            shown += " ".join(process.cmdline())
    assert str(up.folder) in shown
    platform = (up.folder / "platform.yaml").read_text()
    assert not [secret for secret in secrets if secret in shown or secret in platform]


async def test_nothing_listens_beyond_the_loopback(running: tuple[Path, world.World]) -> None:
    root, _ = running
    listening = [
        place.laddr
        for process in processes_of(root)
        for place in process.net_connections()
        if place.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {place.ip for place in listening} == {"127.0.0.1"}


async def test_the_platform_file_is_a_valid_profile(running: tuple[Path, world.World]) -> None:
    root, up = running
    project = load_project(root, "sandbox")
    assert project.platform is not None, project.diagnostics
    assert not [one for one in project.errors if not one.tenant]
    sections = yaml.safe_load((up.folder / "platform.yaml").read_text())["systems"]
    assert all(section["settle"] > section["timeout"] for section in sections.values())


async def test_what_was_killed_is_brought_back(project: Path) -> None:
    up = await world.start(project)
    server = Known.read(read_json(Folder.of(project).serving))
    assert server is not None
    psutil.Process(server.pid).kill()
    await until(lambda: server.alive() is None)
    assert not (await world.status(project)).running
    healed = await world.start(project)
    assert healed.fresh
    assert healed.urls == up.urls
    assert (await world.status(project)).running


async def test_a_reused_number_is_never_ended(project: Path) -> None:
    """After a reboot the noted process number may be anybody's."""
    await world.start(project)
    await world.stop(project)
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    started = psutil.Process(bystander.pid).create_time()
    folder = Folder.of(project)
    for noted in (
        {"pid": bystander.pid, "started": started, "word": "temoctl.sandbox.server"},
        {"pid": bystander.pid, "started": started - 100, "word": "sleep"},
    ):
        folder.serving.write_text(json.dumps(noted | {"ports": {}}))
        await world.stop(project)
        assert bystander.returncode is None
        assert psutil.pid_exists(bystander.pid)
    bystander.kill()
    await bystander.wait()


async def test_a_world_whose_folder_is_removed_ends_by_itself(project: Path) -> None:
    await world.start(project)
    server = Known.read(read_json(Folder.of(project).serving))
    assert server is not None
    await world.stop(project)
    await world.start(project)
    server = Known.read(read_json(Folder.of(project).serving))
    assert server is not None
    postgres = [one for one in processes_of(project) if "server" not in " ".join(one.cmdline())]
    shutil.rmtree(Folder.of(project).path)
    await until(lambda: server.alive() is None)
    for process in postgres:
        if process.is_running():
            process.terminate()
    await until(lambda: not any(one.is_running() for one in postgres))


async def test_reset_forgets(project: Path) -> None:
    up = await world.start(project)
    key = (up.folder / "secrets" / "llm-api-key").read_text()
    fresh = await world.reset(project)
    assert fresh is not None
    assert (up.folder / "secrets" / "llm-api-key").read_text() != key
    await world.stop(project)
    assert await world.reset(project) is None
    assert [entry.name for entry in up.folder.iterdir()] == ["lock"]


async def test_the_control_port_wants_its_token(running: tuple[Path, world.World]) -> None:
    _, up = running
    async with httpx.AsyncClient(base_url=up.urls["control"], trust_env=False) as client:
        assert (await client.get("/state")).status_code == 403
    async with up.remote() as remote:
        assert "telegram" in await remote.call("GET", "/state")
        with pytest.raises(UserError, match="no stand-in"):
            await remote.call("POST", "/faults", json={"system": "telegramm", "kind": "lost"})
