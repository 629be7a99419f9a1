"""Credentials in n8n, as blueprints ask for them. Must not know which workflow uses them."""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.blueprint.builder import Builder
from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.value import Json

CREDENTIAL = "n8n.credential"


def credential(
    builder: Builder, name: str, kind: str, data: Mapping[str, Json], *, title: str, label: str, where: Where | None
) -> Address:
    """One credential; `title` is the readable part of its name in n8n."""
    return builder.add(
        builder.address(CREDENTIAL, name), {"name": title, "type": kind, "data": dict(data)}, label, where
    )


def database_login(
    builder: Builder, name: str, source: tuple[str, str], password: Json, *, title: str, where: Where | None
) -> Address:
    """A PostgreSQL login with the user, host and database that another resource (`kind key`, `name`) gives out."""
    data: dict[str, Json] = {
        "host": builder.ref(*source, "host"),
        "port": builder.ref(*source, "port"),
        "database": builder.ref(*source, "database"),
        "user": builder.ref(*source, "user"),
        "password": password,
        "ssl": builder.ref(*source, "ssl"),
    }
    named = f"{builder.title}: {title}"
    return credential(builder, name, "postgres", data, title=named, label=f"Login for the {title}", where=where)


def values(names: Mapping[str, Address]) -> dict[str, Json]:
    """Template values `credential_<name>` and `credential_<name>_name` for some credentials."""
    found: dict[str, Json] = {}
    for name, address in names.items():
        found[f"credential_{name}"] = {"$ref": str(address), "output": "id"}
        found[f"credential_{name}_name"] = {"$ref": str(address), "output": "name"}
    return found
