"""The workbench of one blueprint: addresses, references, secrets and problems of one tenant (or of the platform).

Must not know any kind of resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from temoctl.blueprint.context import BlueprintContext
from temoctl.blueprint.files import sha256_of
from temoctl.model.address import PLATFORM, Address
from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.model.errors import TemoError
from temoctl.model.identity import Marker, Owner
from temoctl.model.money import Money
from temoctl.model.resource import Desired
from temoctl.model.secret import SecretRef
from temoctl.model.value import Json, ref
from temoctl.spec.secret_source import SecretSource


@dataclass(slots=True)
class Builder:
    """Collects resources and problems. `title` is how the owner is called in names ("Acme")."""

    tenant: str
    title: str
    context: BlueprintContext
    protect: bool = False
    resources: list[Desired] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        return self.context.owner

    def address(self, kind_key: str, name: str) -> Address:
        """`address("n8n.workflow", "tenant")`."""
        system, kind = kind_key.split(".", 1)
        return Address(self.tenant, system, kind, name)

    def shared(self, kind_key: str, name: str) -> Address:
        """An address of the platform."""
        system, kind = kind_key.split(".", 1)
        return Address(PLATFORM, system, kind, name)

    def ref(self, kind_key: str, name: str, output: str = "id") -> dict[str, Json]:
        return ref(self.address(kind_key, name), output)

    def marker(self, kind: str, name: str) -> Marker:
        return Marker(self.owner, kind, name)

    def generated(self, path: str) -> dict[str, Json]:
        """A secret that temoctl makes itself."""
        return SecretRef(path, self.context.secret_versions.get(path, 1), generate=True).tree()

    def secret(self, path: str, where: Where, what: str) -> dict[str, Json]:
        """A secret that a person stores; a problem when nobody has yet."""
        version = self.context.secret_versions.get(path)
        if version is None:
            self.problem(
                "TEMO450",
                f"secret {path} of {self.tenant} is not set",
                where,
                detail=f"It is needed for {what}.",
                fix=f"run: temoctl secrets set {self.tenant} {path}",
            )
        return SecretRef(path, version or 1).tree()

    def secret_of(self, source: SecretSource, where: Where, what: str) -> dict[str, Json]:
        """The same, for a reference in a spec."""
        return self.secret(source.vault_path, where, what)

    def system(self, name: str) -> Mapping[str, Any] | None:
        """The raw section of a system in platform.yaml; a problem (once) when there is none."""
        section = self.context.platform.systems.get(name)
        if section is None and not any(one.code == "TEMO453" and name in one.summary for one in self.problems):
            self.problem(
                "TEMO453",
                f"platform.yaml doesn't say where {name} is",
                self.context.platform.where("systems"),
                fix=f"add a section `{name}` under `systems`; temoctl explain TEMO453 shows one",
            )
        return section

    def digest(self, file: str, where: Where) -> str:
        """SHA-256 of a file of the project; a problem when it can't be read."""
        known = self.context.digests.get(file)
        if known is not None:
            return known
        try:
            return sha256_of(self.context.root / file)
        except OSError as error:
            self.problem(
                "TEMO456",
                f"{file} can't be read",
                where,
                detail=error.strerror or type(error).__name__,
                fix="put the file there, or mend its name in the spec",
            )
            return ""

    def problem(self, code: str, summary: str, where: Where | None, *, detail: str = "", fix: str = "") -> None:
        self.problems.append(Diagnostic(code, summary, where=where, detail=detail, fix=fix, tenant=self.tenant))

    def trouble(self, error: TemoError) -> None:
        """Keep what stopped one resource as a problem of the tenant."""
        found = error.diagnostic()
        self.problems.append(
            Diagnostic(
                found.code,
                found.summary,
                where=found.where,
                detail=found.detail,
                fix=found.fix,
                tenant=self.tenant,
            )
        )

    def add(
        self,
        address: Address,
        props: Mapping[str, Json],
        label: str,
        where: Where | None,
        *,
        detail: str = "",
        after: tuple[Address, ...] = (),
        field_where: Mapping[str, Where] | None = None,
        witness_of: Address | None = None,
        money: Money | None = None,
        after_leaving: bool = False,
    ) -> Address:
        """Ask for one resource and return its address."""
        self.resources.append(
            Desired(
                address,
                props,
                label,
                detail=detail,
                after=after,
                where=where,
                field_where=field_where or {},
                protect=self.protect and witness_of is None,
                witness_of=witness_of,
                money=money,
                after_leaving=after_leaving,
            )
        )
        return address
