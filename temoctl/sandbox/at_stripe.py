"""What is there of ours at the stand-in for Stripe, asked for as somebody with the key asks. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from temoctl.model.identity import Marker
from temoctl.sandbox.folder import Folder
from temoctl.sandbox.world import World

_LISTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "customers": ("customer", {}),
    "subscriptions": ("subscription", {"status": "all"}),
    "products": ("product", {}),
    "prices": ("price", {"active": "true"}),
    "entitlements/features": ("feature", {}),
    "webhook_endpoints": ("webhook endpoint", {}),
    "billing_portal/configurations": ("portal", {}),
}
_ENDED = ("canceled", "incomplete_expired")


async def marked(world: World) -> AsyncIterator[tuple[Marker, str, str, bool]]:
    """Marker, what it is, its id, and whether it does something by itself. What was ended or archived is left out:
    Stripe keeps it for ever, and nothing can come of it any more."""
    key = (Folder(world.folder).secrets / "stripe-key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=world.urls["stripe"], headers=headers, trust_env=False) as client:
        for path, (what, asked) in _LISTS.items():
            async for row in _rows(client, path, asked):
                marker = Marker.search(" ".join(map(str, (row.get("metadata") or {}).values())))
                if marker is not None and row.get("active") is not False and row.get("status") not in _ENDED:
                    yield marker, what, str(row["id"]), what in ("subscription", "webhook endpoint")


async def _rows(client: httpx.AsyncClient, path: str, asked: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
    after: dict[str, str] = {}
    while True:
        page = (await client.get(f"/v1/{path}", params={**asked, **after, "limit": "100"})).raise_for_status().json()
        for row in page["data"]:
            yield row
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}
