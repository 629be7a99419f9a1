"""Channels, one module each. A module names its `KIND` and offers `build`; it is found by lying here.

`build(name, channel, spec, builder, values)` asks for the channel's resources; `values` are what its template may name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from temoctl.blueprint.builder import Builder
from temoctl.model.value import Json
from temoctl.spec.tenant import TenantSpec


class ChannelBlueprint(Protocol):
    """What a module of this folder offers."""

    KIND: str

    def build(self, name: str, channel: Any, spec: TenantSpec, builder: Builder, values: dict[str, Json]) -> None: ...


@cache
def blueprints() -> Mapping[str, ChannelBlueprint]:
    """All channels that can be built, by kind."""
    modules: list[Any] = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    return {module.KIND: module for module in modules}
