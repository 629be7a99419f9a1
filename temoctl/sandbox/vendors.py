"""What commands need from the systems of a running world, stand-in or real: n8n's public API, and whose is what.

Speaks n8n's own interface, so that it works the same on a real one. Must not plan or apply.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from temoctl.model.errors import Unavailable, UserError
from temoctl.model.identity import Marker
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.world import World

_PAGE = 250


class N8n:
    """n8n's public API, as somebody with the key uses it by hand."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url + "/api/v1", headers={"X-N8N-API-KEY": key}, timeout=30.0, trust_env=False
        )

    async def call(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise Unavailable("TEMO802", f"n8n doesn't answer ({type(error).__name__})", fix="try again") from None
        if response.status_code >= 400:
            said = response.json().get("message", "") if "json" in response.headers.get("content-type", "") else ""
            raise UserError("TEMO803", f"n8n says no ({response.status_code})", detail=str(said))
        return response.json() if response.content else None

    async def everything(self, what: str) -> list[dict[str, Any]]:
        """All workflows or all credentials."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            page = await self.call("GET", f"/{what}", params=query)
            found += page["data"]
            if not page.get("nextCursor"):
                return found
            query["cursor"] = page["nextCursor"]

    async def of(self, uid: str, what: str) -> list[tuple[Marker, dict[str, Any]]]:
        """A tenant's workflows or credentials, by the marker in their names."""
        marked = ((Marker.search(one["name"]), one) for one in await self.everything(what))
        return [(marker, one) for marker, one in marked if marker and marker.owner.uid == uid]

    async def by_webhook(self, url: str) -> Mapping[str, Any] | None:
        """The workflow whose trigger answers at this URL."""
        wanted = set(url.split("/"))
        for workflow in await self.everything("workflows"):
            if any(node.get("webhookId") in wanted for node in workflow["nodes"]):
                return workflow
        return None


@asynccontextmanager
async def n8n(world: World) -> AsyncIterator[N8n]:
    api = N8n(world.urls["n8n"], (Folder(world.folder).secrets / "n8n-api-key").read_text().strip())
    try:
        yield api
    finally:
        await api._client.aclose()


@dataclass(frozen=True, slots=True)
class Named:
    """A workflow's readable name, without the marker."""

    id: str
    name: str

    @classmethod
    def of(cls, workflow: Mapping[str, Any]) -> Named:
        return cls(str(workflow["id"]), str(workflow["name"]).partition(" [temo:")[0])
