"""A tenant's knowledge base: one schema with a role that reads only it, one table per base, and the source files.

Must not know who reads the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from temoctl.blueprint.builder import Builder
from temoctl.model.diagnostic import Where
from temoctl.model.identity import object_name
from temoctl.model.value import Json
from temoctl.sheets.model import ReadOptions
from temoctl.spec.tenant import Base, Group, TenantSpec

ROLE_SECRET = "supabase/knowledge-role"  # noqa: S105
SCHEMA, TABLE, FILE, BUCKET = "supabase.schema", "supabase.table", "supabase.file", "supabase.bucket"
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Table:
    """What a reader of the knowledge base must know of one table."""

    resource: str
    table: str
    title: str
    group: Group

    def tree(self) -> dict[str, Json]:
        return {"table": self.table, "title": self.title, "group": self.group}


def schema_name(builder: Builder) -> str:
    return object_name(builder.owner, "k")


def tables_of(spec: TenantSpec) -> tuple[Table, ...]:
    """The tables of a spec, in its order."""
    return tuple(
        Table(f"{group}-{base.slug}", f"{group}_{base.slug.replace('-', '_')}", base.name, group)
        for group, _, base in spec.knowledge_base.each()
    )


def build(spec: TenantSpec, builder: Builder) -> None:
    """Ask for the schema, and for a table and a stored file per base."""
    name = schema_name(builder)
    builder.add(
        builder.address(SCHEMA, "knowledge"),
        {"schema": name, "role": name, "password": builder.generated(ROLE_SECRET)},
        "Knowledge base",
        spec.where("knowledge_base"),
        detail=_count(len(tables_of(spec))),
    )
    bases = spec.knowledge_base.each()
    for table, (group, index, base) in zip(tables_of(spec), bases, strict=True):
        _table(spec, builder, table, base, f"knowledge_base.{group}.{index}")


def _table(spec: TenantSpec, builder: Builder, table: Table, base: Base, path: str) -> None:
    where = spec.where(path)
    lines = {"title": spec.where(f"{path}.name"), "digest": spec.where(f"{path}.file")}
    props: dict[str, Json] = {
        "schema": builder.ref(SCHEMA, "knowledge", "schema"),
        "role": builder.ref(SCHEMA, "knowledge", "role"),
        "table": table.table,
        "title": base.name,
        "group": table.group,
        "options": _options(base).tree(),
    }
    if base.file is not None:
        digest = builder.digest(base.file, spec.where(f"{path}.file"))
        props |= {"file": base.file, "digest": digest}
        _file(builder, table, base.file, digest, spec.where(f"{path}.file"))
    builder.add(
        builder.address(TABLE, table.resource),
        props,
        f"Knowledge table {base.name}",
        where,
        detail=base.file or "uploaded",
        field_where=lines,
    )


def _file(builder: Builder, table: Table, file: str, digest: str, where: Where) -> None:
    """The file is kept as it was read, under a name that changes with its content."""
    owner = builder.owner
    stem = f"{owner.installation}.{owner.uid}.{table.resource}.{digest[:_DIGEST_LENGTH]}"
    bucket = builder.shared(BUCKET, "knowledge-files")
    builder.add(
        builder.address(FILE, table.resource),
        {
            "bucket": {"$ref": str(bucket), "output": "id"},
            "path": stem + PurePosixPath(file).suffix.lower(),
            "file": file,
            "digest": digest,
        },
        f"Source file of {table.title}",
        where,
        detail=file,
        field_where={"path": where, "digest": where},
    )


def _options(base: Base) -> ReadOptions:
    return ReadOptions(
        sheet=base.sheet or "",
        encoding=base.encoding or "",
        delimiter="\t" if base.delimiter == "tab" else base.delimiter or "",
        header=base.header,
        columns=dict(base.columns),
    )


def _count(tables: int) -> str:
    return "no tables yet" if not tables else f"{tables} table{'s' if tables > 1 else ''}"
