"""`sandbox run`: a world around a command, whatever the command or the person does."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from temoctl.model.errors import UserError
from temoctl.sandbox import running, world
from temoctl.sandbox.processes import Known
from tests.sandbox.test_world import processes_of, until

pytestmark = pytest.mark.anyio
RUN = (
    "import asyncio, pathlib, sys\nfrom temoctl.sandbox import running\n"
    "sys.exit(asyncio.run(running.run(pathlib.Path(sys.argv[1]), sys.argv[2:])))"
)


def around(project: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(project), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_the_command_finds_the_world_and_its_exit_code_comes_back(project: Path) -> None:
    said = project / "said"
    command = (
        f'echo "$TEMOCTL_PROFILE $TEMOCTL_SANDBOX_DIR" > {said}; test -f "$TEMOCTL_SANDBOX_DIR/platform.yaml" && exit 7'
    )
    assert await running.run(project, ["sh", "-c", command]) == 7
    assert said.read_text().split() == ["sandbox", str(project / ".sandbox")]
    assert not processes_of(project)


async def test_a_world_that_was_up_stays_up(project: Path) -> None:
    await world.start(project)
    assert await running.run(project, ["true"]) == 0
    assert (await world.status(project)).running


async def test_the_last_guest_takes_the_world_down(project: Path) -> None:
    me, other = Known.myself(""), await a_guest()
    await world.start(project, guest=me)
    process, guest = other
    await world.start(project, guest=guest)
    assert await world.leave(project, me) == ()
    assert (await world.status(project)).running
    process.kill()
    process.wait()
    await world.start(project, guest=me)
    assert await world.leave(project, me), "a guest that died doesn't count"
    assert not processes_of(project)


async def a_guest() -> tuple[subprocess.Popen[bytes], Known]:
    import psutil

    process = subprocess.Popen(["sleep", "60"])
    return process, Known(process.pid, psutil.Process(process.pid).create_time(), "sleep")


async def test_a_command_that_is_not_there(project: Path) -> None:
    with pytest.raises(UserError) as caught:
        await running.run(project, ["no-such-command-anywhere"])
    assert caught.value.code == "TEMO810"
    assert not processes_of(project)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 33), (signal.SIGINT, 44)])
async def test_signals_reach_the_command_and_the_world_goes_down(project: Path, number: int, code: int) -> None:
    flag = project / "up"
    command = f"trap 'exit 33' TERM; trap 'exit 44' INT; echo > {flag}; while :; do sleep 0.05; done"
    run = around(project, "sh", "-c", command)
    await until(flag.exists, 60)
    run.send_signal(number)
    assert await asyncio.to_thread(run.wait) == code
    assert run.stdout is not None
    run.stdout.close()
    assert not processes_of(project)


async def test_a_command_ended_by_a_signal(project: Path) -> None:
    assert await running.run(project, ["sh", "-c", "kill -9 $$"]) == 137
