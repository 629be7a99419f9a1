"""What tenants share: conversation tables, the file store, the language model, the core workflow, the plans."""

from __future__ import annotations

from temoctl.blueprint import catalogue, credentials, history
from temoctl.blueprint.builder import Builder
from temoctl.blueprint.context import Blueprint, BlueprintContext
from temoctl.blueprint.files import sha256_of
from temoctl.blueprint.knowledge_base import BUCKET
from temoctl.blueprint.template import unusable
from temoctl.blueprint.tenant_workflow import SESSIONS
from temoctl.blueprint.text import FreeText
from temoctl.blueprint.workflows import workflow
from temoctl.model.address import PLATFORM
from temoctl.model.identity import object_name
from temoctl.spec.platform_spec import PlatformSpec

LLM_KEY = "llm/api-key"
TEMPLATE = "core.json"


def build(context: BlueprintContext) -> Blueprint:
    """Everything of the pseudo-tenant `platform`."""
    builder = Builder(PLATFORM, "Platform", context)
    if builder.system("supabase") is not None:
        _databases(builder)
    if builder.system("n8n") is not None:
        _core(builder)
    if catalogue.SYSTEM in context.platform.systems:
        catalogue.build(builder)
    return Blueprint(tuple(builder.resources), problems=tuple(builder.problems))


def llm_key_path(platform: PlatformSpec) -> str:
    """Where the language model's key lies in the platform's vault: as the file says, else at its usual place."""
    llm = platform.shared.llm
    return llm.key.secret if llm is not None and llm.key.secret else LLM_KEY


def _databases(builder: Builder) -> None:
    context = builder.context
    where = context.platform.where("systems.supabase")
    template = context.templates / "supabase" / "sessions.sql"
    try:
        digest = sha256_of(template)
    except OSError as error:
        builder.trouble(unusable(template, error.strerror or type(error).__name__))
        return
    builder.add(
        builder.address(SESSIONS, "shared"),
        {"schema": object_name(builder.owner, "sessions"), "template": digest},
        "Shared conversation tables",
        where,
    )
    builder.add(
        builder.address(BUCKET, "knowledge-files"),
        {"id": object_name(builder.owner, "files"), "public": False},
        "Store for source files",
        where,
    )
    history.shared(builder)


def _core(builder: Builder) -> None:
    platform = builder.context.platform
    where, llm = platform.where("shared.llm"), platform.shared.llm
    if llm is None:
        builder.problem(
            "TEMO454",
            "platform.yaml names no language model",
            platform.where("shared"),
            detail="The core workflow needs an OpenAI-compatible endpoint to write answers.",
            fix="add `shared.llm` with url, key and model; temoctl explain TEMO454 shows one",
        )
        return
    url = llm.url.rstrip("/")
    key = builder.secret(llm_key_path(platform), platform.where("shared.llm.key"), "the language model")
    address = credentials.credential(
        builder,
        "llm",
        "openAiApi",
        {"apiKey": key, "url": url},
        title="Platform: language model",
        label="Key of the language model",
        where=where,
    )
    values = {"llm_url": url, "llm_model": FreeText(llm.model), **credentials.values({"llm": address})}
    workflow(builder, "core", TEMPLATE, values, title="Platform: core", label="Core workflow", where=where)
