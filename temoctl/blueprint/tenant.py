"""A tenant's spec → its resources: the capabilities every tenant has, and its channels."""

from __future__ import annotations

from temoctl.blueprint import billing, knowledge_base, tenant_workflow
from temoctl.blueprint.builder import Builder
from temoctl.blueprint.channels import blueprints
from temoctl.blueprint.context import Blueprint, BlueprintContext
from temoctl.spec.tenant import TenantSpec


def build(spec: TenantSpec, context: BlueprintContext) -> Blueprint:
    """Everything one tenant should have; channels that this version can't build are named instead."""
    builder = Builder(spec.id, spec.company.name, context, protect=spec.protect)
    values = tenant_workflow.values_of(spec, builder)
    if builder.system("supabase") is not None:
        knowledge_base.build(spec, builder)
        if builder.system("n8n") is not None:
            tenant_workflow.build(spec, builder, values)
    billing.build(spec, builder)
    known = blueprints()
    left_out: list[str] = []
    for name, channel in sorted(spec.channels.items()):
        module = known.get(channel.kind)
        if name in tenant_workflow.LOGINS:
            builder.problem(
                "TEMO458",
                f"a channel can't be called {name!r}",
                spec.where_key(f"channels.{name}"),
                detail="temoctl uses that name for a login of the tenant's own.",
                fix=f"give it another name and say `kind: {channel.kind}`",
            )
            continue
        if module is None:
            left_out.append(name)
        else:
            module.build(name, channel, spec, builder, {**values, "channel": name})
    return Blueprint(tuple(builder.resources), tuple(left_out), tuple(builder.problems))
