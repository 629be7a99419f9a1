"""The small workflow of one tenant: its own database logins, its conversations and its knowledge tables.

The shared core calls it by id, so that tenants' credentials never meet in one workflow. Its queries are made from the
list of tables, so that they follow when a base is added, renamed or removed.
"""

from __future__ import annotations

from temoctl.blueprint import credentials, history, knowledge_base
from temoctl.blueprint.builder import Builder
from temoctl.blueprint.text import FreeText
from temoctl.blueprint.workflows import WORKFLOW, workflow
from temoctl.model.identity import object_name
from temoctl.model.value import Json
from temoctl.spec.tenant import TenantSpec

SEAT_SECRET = "supabase/sessions-role"  # noqa: S105
SEAT, SESSIONS = "supabase.seat", "supabase.sessions"
NAME = "tenant"
LOGINS = ("knowledge", "sessions", history.NAME)
TEMPLATE = "tenant.json"


def build(spec: TenantSpec, builder: Builder, values: dict[str, Json]) -> None:
    """Ask for the seat in the shared conversations, the history, the logins, and the workflow that uses them."""
    top = spec.where("company.name")
    sessions = builder.shared(SESSIONS, "shared")
    builder.add(
        builder.address(SEAT, "sessions"),
        {
            "sessions": {"$ref": str(sessions), "output": "schema"},
            "role": object_name(builder.owner, "s"),
            "password": builder.generated(SEAT_SECRET),
            "tenant_uid": builder.owner.uid,
        },
        "Conversation store",
        top,
    )
    logins = {
        "knowledge": credentials.database_login(
            builder,
            "knowledge",
            (knowledge_base.SCHEMA, "knowledge"),
            builder.generated(knowledge_base.ROLE_SECRET),
            title="knowledge base",
            where=spec.where("knowledge_base"),
        ),
        "sessions": credentials.database_login(
            builder, "sessions", (SEAT, "sessions"), builder.generated(SEAT_SECRET), title="conversations", where=top
        ),
    }
    kept = history.build(spec, builder)
    if kept is not None:
        logins[history.NAME] = kept.login
    values |= {**credentials.values(logins), "history": kept is not None, "history_collection": history.MESSAGES}
    tables = knowledge_base.tables_of(spec)
    values["knowledge_tables"] = [{**table.tree(), "title": FreeText(table.title)} for table in tables]
    workflow(
        builder,
        NAME,
        TEMPLATE,
        values,
        title=f"{builder.title}: tenant",
        label="Tenant workflow",
        where=top,
        after=(
            *(builder.address(knowledge_base.TABLE, table.resource) for table in tables),
            *((kept.messages,) if kept is not None else ()),
        ),
    )


def values_of(spec: TenantSpec, builder: Builder) -> dict[str, Json]:
    """What every template of a tenant may name."""
    return {
        "tenant_id": spec.id,
        "tenant_uid": builder.owner.uid,
        "company": FreeText(spec.company.name),
        "language": spec.company.language,
        "time_zone": spec.company.time_zone,
        "currency": spec.company.currency,
        "tone": FreeText(spec.business.tone),
        "profile": FreeText(profile_text(spec)),
        "history_days": history.days_kept(spec, builder),
        "knowledge_schema": knowledge_base.schema_name(builder),
        "sessions_schema": object_name(builder.context.platform_owner, "sessions"),
        "core_workflow": {"$ref": str(builder.shared(WORKFLOW, "core")), "output": "id"},
        "tenant_workflow": builder.ref(WORKFLOW, NAME),
    }


def profile_text(spec: TenantSpec) -> str:
    """The business as the answering model reads it: plain lines, nothing that the knowledge tables say better."""
    business = spec.business
    lines = [f"Company: {spec.company.name}", f"Business: {business.niche}", f"Offer: {business.offer}"]
    if business.prices:
        lines.append(f"Prices: {business.prices}")
    lines += [f"Q: {one.question}\nA: {one.answer}" for one in business.faq]
    return "\n".join(lines)
