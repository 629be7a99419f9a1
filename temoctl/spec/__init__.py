"""Specs: what people write. YAML with positions becomes models; everything wrong becomes diagnostics.

Knows the model and the sheets; knows no system, no SystemData, no command line. Names are loaded on first use, because
pydantic must not slow down the start of the command line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temoctl.spec.plan_spec import PlanSpec
    from temoctl.spec.platform_spec import PlatformSpec, system_settings
    from temoctl.spec.project import Project, load_project
    from temoctl.spec.schema import json_schema
    from temoctl.spec.secret_source import SecretSource
    from temoctl.spec.tenant import Base, TenantSpec

_HOMES = {
    "PlanSpec": "plan_spec",
    "PlatformSpec": "platform_spec",
    "Project": "project",
    "load_project": "project",
    "system_settings": "platform_spec",
    "json_schema": "schema",
    "SecretSource": "secret_source",
    "Base": "tenant",
    "TenantSpec": "tenant",
}

__all__ = [
    "Base",
    "PlanSpec",
    "PlatformSpec",
    "Project",
    "SecretSource",
    "TenantSpec",
    "json_schema",
    "load_project",
    "system_settings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"temoctl.spec.{_HOMES[name]}"), name)
