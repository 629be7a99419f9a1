"""The vault in memory: values stand as they are, because nothing of it ever leaves the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from temoctl.engine.ports import Fence
from temoctl.model.secret import Secret, SecretRef
from temoctl.systemdata import refusals
from temoctl.systemdata.memory_rights import Desk
from temoctl.systemdata.memory_state import SecretValue
from temoctl.systemdata.ports import SecretRow


class MemoryVault:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def _stored(self, uid: str, path: str) -> tuple[SecretValue, ...]:
        return self._desk.state.secrets.get((uid, path), ()) if self._desk.owns(uid) else ()

    async def get(self, uid: str, path: str, version: int | None = None) -> Secret:
        stored = self._stored(uid, path)
        wanted = stored[-1:] if version is None else [one for one in stored if one.row.version == version]
        if not wanted:
            raise refusals.no_secret(path)
        return wanted[0].value

    async def many(self, wanted: Sequence[tuple[str, SecretRef]]) -> Mapping[tuple[str, SecretRef], Secret]:
        found: dict[tuple[str, SecretRef], Secret] = {}
        for uid, ref in wanted:
            for one in self._stored(uid, ref.path):
                if one.row.version == ref.version:
                    found[uid, ref] = one.value
        return found

    async def versions(self, uid: str) -> Mapping[str, int]:
        return {row.path: row.version for row in await self.listing(uid)}

    async def versions_of(self, uids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        return {uid: await self.versions(uid) for uid in uids}

    async def listing(self, uid: str) -> Sequence[SecretRow]:
        if not self._desk.owns(uid):
            return []
        stored = self._desk.state.secrets
        return [stored[key][-1].row for key in sorted(stored) if key[0] == uid and stored[key]]

    async def ensure(self, fence: Fence, ref: SecretRef, fresh: Secret) -> Secret:
        def write() -> Secret:
            self._desk.require(fence)
            for one in self._stored(fence.uid, ref.path):
                if one.row.version == ref.version:
                    return one.value
            self._append(fence.uid, ref.path, ref.version, fresh, self._desk.principal.name)
            return fresh

        return await self._desk.commit("vault.ensure", write)

    async def put(self, uid: str, path: str, value: Secret, *, by: str) -> int:
        def write() -> int:
            self._desk.tenant(uid)
            stored = self._stored(uid, path)
            version = stored[-1].row.version + 1 if stored else 1
            self._append(uid, path, version, value, by)
            self._desk.log(uid, "secret-set", path, by, version=version)
            return version

        return await self._desk.commit("vault.put", write)

    async def remove(self, uid: str, path: str, *, by: str) -> int:
        def write() -> int:
            self._desk.tenant(uid)
            removed = len(self._desk.state.secrets.pop((uid, path), ()))
            if removed:
                self._desk.log(uid, "secret-removed", path, by, versions=removed)
            return removed

        return await self._desk.commit("vault.remove", write)

    def _append(self, uid: str, path: str, version: int, value: Secret, by: str) -> None:
        row = SecretRow(path, version, self._desk.clock.now(), by)
        stored = (*self._stored(uid, path), SecretValue(row, value))
        self._desk.state.secrets[uid, path] = tuple(sorted(stored, key=lambda one: one.row.version))
