"""The control port, called from a command. Knows paths of control.py and nothing of what they mean for tenants."""

from __future__ import annotations

from typing import Any

import httpx

from temoctl.model.errors import Unavailable, UserError
from temoctl.sandbox.control import TOKEN_HEADER


class Remote:
    """Calls the control port of a running world."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, headers={TOKEN_HEADER: token}, timeout=70.0, trust_env=False)

    async def call(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = await self._client.request(method, path, **request)
        except httpx.HTTPError:
            raise Unavailable(
                "TEMO802", "the sandbox doesn't answer", fix="start it again: `temoctl sandbox start`"
            ) from None
        if response.status_code >= 400:
            raise UserError("TEMO803", f"the sandbox says no: {response.json()['message']}", fix="see docs/sandbox.md")
        return response.json() if response.content else None

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Remote:
        return self

    async def __aexit__(self, *why: object) -> None:
        await self.close()
