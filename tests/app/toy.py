"""A world in memory behind the real use cases: real specs, blueprints, planner and engine; systems that are a dict.

`Toy` stands for every vendor at once, with the real kinds. Faults are named by the tail of an address.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from temoctl.app import connect as connecting
from temoctl.app import world as opening
from temoctl.engine.clock import SystemClock
from temoctl.engine.ids import SeededIds
from temoctl.engine.protocol import (
    Call,
    Context,
    Outcome,
    Plugin,
    ProbeResult,
    Proof,
    Scope,
    Snapshot,
    System,
    Target,
    Verb,
    Verdict,
)
from temoctl.model.address import Address
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker
from temoctl.model.kind import Kind
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.value import digest
from temoctl.systemdata.memory import MemoryStore
from temoctl.systemdata.memory_state import MemoryState
from temoctl.systemdata.ports import Principal, Store

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = """\
name: test
systemdata: {embedded: true}
systems:
  n8n: {url: "http://127.0.0.1:1", api_key: {env: TEST_KEY}}
  supabase:
    knowledge_dsn: {env: TEST_KEY}
    sessions_dsn: {env: TEST_KEY}
    storage_url: http://127.0.0.1:1/storage/v1
    storage_key: {env: TEST_KEY}
  telegram: {url: "http://127.0.0.1:1"}
shared:
  llm: {url: "http://127.0.0.1:1/v1", key: {secret: llm/api-key}, model: toy}
"""


@dataclass
class Vendors:
    """What all systems hold. `fails` maps an address' tail to the error its next change raises."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: dict[str, TemoError] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    red: set[str] = field(default_factory=set)
    instance: str = "one"
    state: MemoryState = field(default_factory=MemoryState)

    def edit(self, address: str, **props: Any) -> None:
        """Somebody changes an object by hand."""
        self.objects[address]["props"] |= props


class Toy:
    """One system over the shared dict."""

    def __init__(self, name: str, kinds: Mapping[str, Kind], vendors: Vendors) -> None:
        self.name, self.kinds, self._all = name, kinds, vendors

    async def instance(self) -> str:
        return self._all.instance

    async def observe(self, scope: Scope) -> Snapshot:
        return Snapshot({target.address: self._see(target) for target in scope.targets})

    async def read(self, target: Target) -> Observed:
        return self._see(target)

    async def find(self, target: Target, intent: str) -> Sequence[Observed]:
        seen = self._see(target)
        return [seen] if seen.presence is Presence.PRESENT else []

    async def execute(self, call: Call) -> Outcome:
        call.permit.check()
        address = call.target.address
        error = self._all.fails.pop(address.tail, None)
        if error is not None:
            raise error
        if call.verb is Verb.DELETE:
            self._all.objects.pop(str(address), None)
            return Outcome(call.target.ref or "")
        hidden = self.kinds[address.kind].write_only
        props = {key: value for key, value in call.props.items() if key not in hidden}
        names = ("id", "schema", "role", "user", "table", "name", "username")
        outputs = {key: str(props.get(key, key)) for key in names}
        outputs |= {"host": "127.0.0.1", "port": 1, "database": "d", "ssl": "disable", "columns": [], "rows": 3}
        outputs |= {"status": "trialing"} if address.kind == "subscription" else {}
        ref = f"ref-{address.tail}"
        self._all.objects[str(address)] = {"ref": ref, "props": props, "outputs": outputs, "marker": call.marker}
        return Outcome(ref, outputs)

    async def gone(self, target: Target) -> Proof:
        there = str(target.address) in self._all.objects
        return Proof(Verdict.UNVERIFIED if there else Verdict.DELETED, "still there" if there else "not there")

    async def probe(self, target: Target, neighbours: Sequence[Target]) -> Sequence[ProbeResult]:
        ok = target.address.tail not in self._all.red
        return [ProbeResult(target.address, "does its work", ok, "" if ok else "it does not", "look at it")]

    async def close(self) -> None:
        return None

    def _see(self, target: Target) -> Observed:
        address = target.address
        if self.name in self._all.silent:
            return Observed.unknown(address, Doubt.OUTAGE, f"{self.name} does not answer", fix="try again later")
        kind = self.kinds[address.kind]
        if kind.watched_only:
            return self._witness(address, kind, target)
        found = self._all.objects.get(str(address))
        if found is None:
            return Observed.absent(address)
        return self._present(address, found["ref"], found["props"], found["outputs"], found["marker"])

    def _witness(self, address: Address, kind: Kind, target: Target) -> Observed:
        if f"{address.tenant}/n8n.workflow.{address.name}-ingress" not in self._all.objects:
            return Observed.absent(address)
        props = {key: value for key, value in target.props.items() if key not in kind.write_only}
        return self._present(address, "hook", props, {}, target.marker)

    @staticmethod
    def _present(address: Address, ref: str, props: Any, outputs: Any, marker: Marker) -> Observed:
        return Observed(
            address, Presence.PRESENT, ref, props, outputs, digest({str(k): str(v) for k, v in props.items()}), marker
        )


def toy_plugins(vendors: Vendors) -> dict[str, Plugin]:
    """The real plugins, connected to the dict."""
    return {name: replace(plugin, connect=_connector(plugin, vendors)) for name, plugin in _real().items()}


_real = connecting.plugins


def _connector(plugin: Plugin, vendors: Vendors) -> Any:
    async def connect(settings: Any, context: Context) -> System:
        return Toy(plugin.name, plugin.kinds, vendors)

    return connect


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Vendors:
    """Systems and SystemData in memory behind whatever opens a world in this test."""
    made = Vendors()
    ids = SeededIds(7)

    async def open_systemdata(
        project: Any,
        platform: Any,
        principal: Principal,
        credentials: Any,
        *,
        clock: Any,
        ids: Any,
        stack: AsyncExitStack,
        read_only: bool = False,
    ) -> Store:
        return MemoryStore(made.state, principal, clock=SystemClock(), ids=ids, read_only=read_only)

    monkeypatch.setattr(opening, "open_systemdata", open_systemdata)
    monkeypatch.setattr(opening, "RandomIds", lambda: ids)
    monkeypatch.setattr(connecting, "plugins", lambda: toy_plugins(made))
    monkeypatch.setenv("TEST_KEY", "a-key-for-tests")
    monkeypatch.setenv("TEMOCTL_HOME", str(tmp_path / "home"))
    for name in ("TEMOCTL_PROFILE", "TEMOCTL_DIR", "TEMOCTL_PRINCIPAL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example project with a platform file of its own."""
    root = tmp_path / "project"
    root.mkdir()
    for folder in ("tenant_specs", "plans"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "platform.yaml").write_text(PLATFORM)
    return root
