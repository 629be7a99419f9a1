"""Secrets of one tenant as a run needs them: fetched when a step needs them, made where temoctl makes them.

A generated secret is committed to the vault before anything is done with it, an issued one before its intent ends
(DECISIONS 14). Must not know how the vault seals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from temoctl.engine.ports import Fence, Ids, Vault
from temoctl.model.kind import Kind
from temoctl.model.secret import Secret, SecretRef
from temoctl.model.value import Props, is_secret, secret_ref, secrets, substitute


class TenantSecrets:
    """The vault of one tenant, seen through the fence of this run.

    A version of a secret never changes, so each is fetched once a run: looks, effects and probes want the same few.
    """

    def __init__(self, vault: Vault, ids: Ids, fence: Fence) -> None:
        self._vault, self._ids, self._fence = vault, ids, fence
        self._known: dict[tuple[str, int], Secret] = {}

    async def fill(self, resolved: Props) -> dict[str, Any]:
        """The tree with every secret as a value. Raises Refused (TEMO620) for one the vault doesn't have."""
        wanted = secrets(resolved)
        values = await self._values(wanted)
        for ref in wanted:
            if ref not in values:
                values[ref] = await self._vault.get(self._fence.uid, ref.path, ref.version)
        full: dict[str, Any] = substitute(dict(resolved), of_secret=values.__getitem__)
        return full

    async def fill_gladly(self, resolved: Props) -> dict[str, Any]:
        """As `fill`, but makes nothing and leaves a missing secret as its leaf: for deleting."""
        found = await self._stored(secrets(resolved))
        full: dict[str, Any] = substitute(dict(resolved), of_secret=lambda ref: found.get(ref, ref.tree()))
        return full

    async def for_reading(self, kind: Kind, resolved: Props) -> dict[str, Secret]:
        """The secrets without which the object can't be looked at; missing ones are left out."""
        return await self.of_fields(kind.observe_secrets, resolved)

    async def of_fields(self, names: Iterable[str], props: Props) -> dict[str, Secret]:
        """The secrets that stand in fields of these names; missing ones are left out."""
        fields = {name: secret_ref(props[name]) for name in names if is_secret(props.get(name))}
        if not fields:
            return {}
        found = await self._stored(tuple(fields.values()))
        return {name: found[ref] for name, ref in fields.items() if ref in found}

    async def keep(self, issued: Mapping[str, Secret]) -> None:
        """Commit what a vendor told this one time, each as the newest version of its path."""
        versions = await self._vault.versions(self._fence.uid) if issued else {}
        for path, secret in sorted(issued.items()):
            version = versions.get(path, 0) + 1
            while await self._vault.ensure(self._fence, SecretRef(path, version), secret) != secret:
                version += 1  # somebody stored one by hand at the same time

    async def _values(self, wanted: tuple[SecretRef, ...]) -> dict[SecretRef, Secret]:
        values = await self._stored(tuple(ref for ref in wanted if not ref.generate))
        for ref in wanted:
            if ref.generate:
                values[ref] = self._known.get((ref.path, ref.version)) or await self._made(ref)
        return values

    async def _made(self, ref: SecretRef) -> Secret:
        secret = await self._vault.ensure(self._fence, ref, self._ids.password())
        self._known[ref.path, ref.version] = secret
        return secret

    async def _stored(self, wanted: tuple[SecretRef, ...]) -> dict[SecretRef, Secret]:
        unknown = [(self._fence.uid, ref) for ref in wanted if (ref.path, ref.version) not in self._known]
        if unknown:
            found = await self._vault.many(unknown)
            self._known.update({(ref.path, ref.version): secret for (_, ref), secret in found.items()})
        return {ref: self._known[ref.path, ref.version] for ref in wanted if (ref.path, ref.version) in self._known}
