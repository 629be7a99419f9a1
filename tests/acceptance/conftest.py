"""One running sandbox with both example tenants applied, for the tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.command import Desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    made.copy_examples()
    try:
        made.must("sandbox", "start")
        made.must("apply", "--all", "--yes")
        yield made
    finally:
        made.run("sandbox", "stop")


@pytest.fixture
def slow(desk: Desk) -> Iterator[Desk]:
    """The world with answers that take a while: time to do something in the middle of an apply."""
    desk.must("sandbox", "fault", "latency", "0.25")
    yield desk
    desk.must("sandbox", "fault", "latency", "0")
    desk.must("apply", "--all", "--yes")
    assert desk.run("plan", "--all", "--detailed-exitcode").returncode == 0
