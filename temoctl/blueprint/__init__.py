"""Blueprints: what a spec means in resources. Pure but for reading templates and hashing knowledge files.

One module per capability and one per channel (`channels/`): adding a channel is one module there. Knows the model, the
spec and the sheets' options; knows no system, no SystemData and nothing about what exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temoctl.blueprint.context import Blueprint, BlueprintContext

if TYPE_CHECKING:
    from temoctl.spec.tenant import TenantSpec

__all__ = ["Blueprint", "BlueprintContext", "platform_resources", "tenant_resources"]


def tenant_resources(spec: TenantSpec, context: BlueprintContext) -> Blueprint:
    """Everything one tenant should have."""
    from temoctl.blueprint.tenant import build

    return build(spec, context)


def platform_resources(context: BlueprintContext) -> Blueprint:
    """Everything that tenants share."""
    from temoctl.blueprint.platform import build

    return build(context)
