"""The history of a tenant's conversations in MongoDB: a database of its own, what expires when, n8n's login to it, and
where it is archived.

Only where the platform has a MongoDB and the plan allows a history; elsewhere the conversation tables' last messages
are all that is remembered. Must not know how a workflow uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from temoctl.blueprint import credentials
from temoctl.blueprint.builder import Builder
from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.identity import object_name
from temoctl.model.value import Json, join
from temoctl.spec.tenant import TenantSpec

SYSTEM = "mongodb"
DATABASE, COLLECTION, USER = "mongodb.database", "mongodb.collection", "mongodb.user"
USER_SECRET = "mongodb/history-user"  # noqa: S105
OWN_LOGIN = "mongodb/history-uri"
NAME = "history"
ARCHIVE, BUCKET, ARCHIVES = "supabase.archive", "supabase.bucket", "archives"
MESSAGES = "messages"
FORM = "message-1"
LONGEST = 24_855
"""Days; whoever keeps messages for ever keeps them for 68 years: MongoDB counts the seconds in 31 bits."""

_PATIENCE = "serverSelectionTimeoutMS=5000&connectTimeoutMS=5000&appName=temoctl-n8n"
"""A customer waits for the answer: n8n's driver would look for a silent server for 30 s."""


def days_kept(spec: TenantSpec, builder: Builder) -> int | None:
    """For how long the plan and the spec let messages be kept; None: for ever."""
    plan = builder.context.plan
    limit = plan.limits.history_days if plan is not None else None
    known = [days for days in (spec.retention.history_days, limit) if days is not None]
    return min(known) if known else None


@dataclass(frozen=True, slots=True)
class History:
    """What a workflow that uses the history must come after, and the credential it uses."""

    messages: Address
    login: Address


def build(spec: TenantSpec, builder: Builder) -> History | None:
    """Ask for database, collection, login and credential; None where there is no history."""
    section = builder.context.platform.systems.get(SYSTEM)
    days = days_kept(spec, builder)
    if section is None or days == 0:
        _nothing_to_archive(spec, builder)
        return None
    where = spec.where("retention.history_days")
    archive = (_archive(builder, spec.where("retention.archive")),) if spec.retention.archive else ()
    builder.add(
        builder.address(DATABASE, NAME),
        {"name": object_name(builder.owner, "h")},
        "Conversation history",
        where,
    )
    messages = builder.add(
        builder.address(COLLECTION, MESSAGES),
        {
            "database": builder.ref(DATABASE, NAME, "name"),
            "name": MESSAGES,
            "retention_days": min(days or LONGEST, LONGEST),
            "validator": FORM,
        },
        "Kept messages",
        where,
        detail=("for ever" if days is None else f"{days} days") + (", archived" if archive else ""),
        after=archive,  # a shorter retention is taken up once there is a place for what it takes away
        field_where={"retention_days": where},
    )
    return History(messages, _credential(builder, bool(section.get("users", True)), where))


def shared(builder: Builder) -> None:
    """Ask for what the archives of all tenants lie in."""
    if SYSTEM in builder.context.platform.systems:
        builder.add(
            builder.address(BUCKET, ARCHIVES),
            {"id": object_name(builder.owner, "archive"), "public": False},
            "Store for archived conversations",
            builder.context.platform.where("systems.mongodb"),
        )


def _archive(builder: Builder, where: Where) -> Address:
    owner = builder.owner
    return builder.add(
        builder.address(ARCHIVE, NAME),
        {
            "bucket": {"$ref": str(builder.shared(BUCKET, ARCHIVES)), "output": "id"},
            "path": f"{owner.installation}.head.{owner.uid}.{NAME}.json",
        },
        "Archive of conversations",
        where,
    )


def _nothing_to_archive(spec: TenantSpec, builder: Builder) -> None:
    if spec.retention.archive:
        builder.problem(
            "TEMO459",
            "there is no history that could be archived",
            spec.where("retention.archive"),
            detail="Either the plan keeps no history, or platform.yaml says nothing of a MongoDB.",
            fix="take `archive` out of the spec, or give the platform a MongoDB (`systems.mongodb`)",
        )


def _credential(builder: Builder, users: bool, where: Where) -> Address:
    """n8n's "values" always need a login and can't be told to give up soon: so an address it is, made of what the
    resources give out.
    """
    return credentials.credential(
        builder,
        NAME,
        "mongoDb",
        {
            "configurationType": "connectionString",
            "connectionString": _user(builder, where) if users else _without_user(builder),
            "database": builder.ref(DATABASE, NAME, "name"),
        },
        title=f"{builder.title}: history",
        label="Login for the history",
        where=where,
    )


def _user(builder: Builder, where: Where) -> Json:
    password = builder.generated(USER_SECRET)
    database = builder.ref(DATABASE, NAME, "name")
    builder.add(
        builder.address(USER, "n8n"),
        {"database": database, "user": object_name(builder.owner, "h"), "password": password},
        "Login to the history",
        where,
    )
    user, source = builder.ref(USER, "n8n", "user"), builder.ref(USER, "n8n", "auth_source")
    return _address(builder, (user, ":", password, "@"), ("&authSource=", source))


def _without_user(builder: Builder) -> Json:
    """Where the server gives out no logins: the address that a person stored, else one without a login."""
    version = builder.context.secret_versions.get(OWN_LOGIN)
    return {"$secret": OWN_LOGIN, "version": version} if version else _address(builder, (), ())


def _address(builder: Builder, login: tuple[Json, ...], source: tuple[Json, ...]) -> Json:
    def of(output: str) -> Json:
        return builder.ref(DATABASE, NAME, output)

    return join(of("scheme"), "://", *login, of("hosts"), "/?", _PATIENCE, "&tls=", of("tls"), *source)
