"""Leases in memory, by the injected clock instead of a database's. Must not know what a lease is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from temoctl.systemdata import refusals
from temoctl.systemdata.memory_rights import Desk
from temoctl.systemdata.ports import LeaseState


class MemoryLeases:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, uid: str, *, holder: str, operation: str, ttl: float) -> LeaseState:
        def write() -> LeaseState:
            row, now = self._desk.tenant(uid), self._desk.clock.now()
            before = self._desk.state.leases.get(uid)
            if before is not None and before.holder and before.expires_at > now:
                raise refusals.locked(before, now)
            epoch = before.epoch + 1 if before else 1
            lease = LeaseState(uid, row.tenant, epoch, holder, operation, now, now, now + ttl)
            self._desk.state.leases[uid] = lease
            return lease

        return await self._desk.commit("lease.take", write)

    async def renew(self, lease: LeaseState, ttl: float) -> LeaseState:
        def write() -> LeaseState:
            now = self._desk.clock.now()
            current = self._desk.state.leases.get(lease.uid)
            ours = current is not None and (current.epoch, current.holder) == (lease.epoch, lease.holder)
            if current is None or not ours or current.expires_at <= now:
                raise refusals.lease_lost(lease.tenant)
            renewed = replace(current, heartbeat_at=now, expires_at=now + ttl)
            self._desk.state.leases[lease.uid] = renewed
            return renewed

        return await self._desk.commit("lease.renew", write)

    async def release(self, lease: LeaseState) -> None:
        def write() -> None:
            current = self._desk.state.leases.get(lease.uid)
            if current is not None and (current.epoch, current.holder) == (lease.epoch, lease.holder):
                self._desk.state.leases[lease.uid] = replace(current, holder="")

        await self._desk.commit("lease.release", write)

    def held(self) -> Sequence[LeaseState]:
        """Leases with a holder, alive or silent."""
        rows = [one for uid, one in self._desk.state.leases.items() if one.holder and self._desk.owns(uid)]
        return sorted(rows, key=lambda one: one.tenant)

    async def end(self, tenant: str, *, by: str, steal: bool, holder: str) -> LeaseState | None:
        def write() -> LeaseState | None:
            now = self._desk.clock.now()
            held = next((one for one in self.held() if one.tenant == tenant), None)
            if held is None or holder not in ("", held.holder):
                return None
            if held.expires_at > now and not steal:
                raise refusals.still_alive(held, now)
            self._desk.state.leases[held.uid] = replace(held, holder="", epoch=held.epoch + 1)
            self._desk.log(held.uid, "unlocked", tenant, by, holder=held.holder, steal=steal)
            return held

        return await self._desk.commit("lease.break", write)
