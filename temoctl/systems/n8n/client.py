"""n8n's public API over HTTP: typed calls, all pages of a list, and what its answers mean. Decides nothing.

Lists are paged by offset (measured: the cursor is base64 of `{"limit":250,"offset":250}`), so a deletion between two
pages moves everything up and would hide an object. Pages are therefore read with one object of overlap: where the
overlap isn't the same object, the list moved and is read again from the start.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from temoctl.engine.ports import Clock, Permit, Slots
from temoctl.model.errors import Refused, TemoError, Unavailable, UnknownOutcome
from temoctl.model.secret import Secret
from temoctl.systems.http import HttpApi

UNAVAILABLE, UNKNOWN, LIMITED = "TEMO700", "TEMO701", "TEMO702"
BAD_KEY, NO_RIGHT, REFUSED = "TEMO703", "TEMO704", "TEMO705"

PAGE = 250
_ORIGIN = "http://temoctl.invalid"
"""n8n names a webhook's methods only to a request that says where it comes from."""
_TRIES = 5

Json = dict[str, Any]


class N8nApi:
    """One n8n: its API at `url`, its webhooks at `webhook_url`."""

    def __init__(
        self,
        url: str,
        webhook_url: str,
        api_key: Secret,
        *,
        clock: Clock,
        slots: Slots,
        timeout: float = 20.0,
        patience: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
        page: int = PAGE,
    ) -> None:
        def conversation(base: str, headers: Mapping[str, str]) -> HttpApi:
            return HttpApi(
                base,
                title="n8n",
                codes=(UNAVAILABLE, UNKNOWN, LIMITED),
                clock=clock,
                slots=slots,
                timeout=timeout,
                patience=patience,
                headers=headers,
                transport=transport,
            )

        self._api = conversation(f"{url}/api/v1", {"X-N8N-API-KEY": api_key.reveal()})
        self._editor = conversation(url, {})
        self._webhooks = conversation(webhook_url, {})  # a conversation of its own: the key never goes there
        self._page = page

    async def close(self) -> None:
        for one in (self._api, self._editor, self._webhooks):
            await one.close()

    # --- lists

    async def credentials(self) -> list[Json]:
        return await self._all("/credentials", {})

    async def workflows(self) -> list[Json]:
        """All workflows with their nodes, as drafts and as published; the published ones only where they differ."""
        return await self._all("/workflows", {"excludePinnedData": "true"}, _slim)

    async def _all(self, path: str, query: Mapping[str, str], slim: Callable[[Json], Json] = dict) -> list[Json]:
        for _ in range(_TRIES):
            found = await self._pages(path, query, slim)
            if found is not None:
                return list({str(one["id"]): one for one in found}.values())
        raise Unavailable(
            UNAVAILABLE,
            "n8n's list kept changing while it was read",
            fix="wait until whoever is deleting objects in n8n has finished, and try again",
        )

    async def _pages(self, path: str, query: Mapping[str, str], slim: Callable[[Json], Json]) -> list[Json] | None:
        """All objects in order, or None where the list moved under our hands."""
        found: list[Json] = []
        cursor: str | None = None
        overlap = False
        while True:
            asked = {**query, "limit": str(self._page)} | ({"cursor": cursor} if cursor else {})
            answer = _body(await self._api.read("GET", path, params=asked))
            page = answer.get("data")
            if not isinstance(page, list):
                raise Unavailable(UNAVAILABLE, "n8n's answer makes no sense: a list without data")
            if overlap and (not page or page[0]["id"] != found[-1]["id"]):
                return None
            found += map(slim, page[1:] if overlap else page)
            following = answer.get("nextCursor")
            if not following:
                return found
            earlier = _one_earlier(following) if page else None
            cursor, overlap = earlier or following, earlier is not None

    # --- single objects: None where n8n has none

    async def credential(self, ref: str) -> Json | None:
        return await self._get(f"/credentials/{ref}")

    async def workflow(self, ref: str) -> Json | None:
        return await self._get(f"/workflows/{ref}", params={"excludePinnedData": "true"})

    async def _get(self, path: str, **request: Any) -> Json | None:
        response = await self._api.read("GET", path, **request)
        return None if response.status_code == 404 else _body(response)

    async def test_credential(self, ref: str, *, in_turn: bool) -> Json | None:
        """n8n's own trial of a credential: `{"status": "OK"|"Error", "message": …}`. Changes nothing.

        `in_turn`: in a lane, for a type whose tests disturb each other inside n8n.
        """
        response = await self._api.read("POST", f"/credentials/{ref}/test", lane="test" if in_turn else "")
        return None if response.status_code == 404 else _body(response)

    async def owner(self) -> str:
        """The id of n8n's owner: made once with the database, the same for every key and every address."""
        response = await self._api.read("GET", "/users", params={"includeRole": "true", "limit": str(PAGE)})
        for user in _body(response).get("data", ()):
            if user.get("role") == "global:owner":
                return str(user["id"])
        raise Refused(
            NO_RIGHT,
            "n8n doesn't say who its owner is",
            fix="use an API key of n8n's owner or of an admin, with all scopes",
        )

    async def version(self) -> str | None:
        """The version the editor's first page names; None where n8n doesn't tell (the API never does)."""
        response = await self._editor.read("GET", "/")
        found = re.search(r'name="n8n:config:sentry" content="([A-Za-z0-9+/=]+)"', response.text)
        if response.status_code != 200 or found is None:
            return None
        try:
            told = json.loads(base64.b64decode(found[1]))
        except (binascii.Error, ValueError):
            return None
        release = str(told.get("release") or "") if isinstance(told, dict) else ""
        return release.removeprefix("n8n@") or None

    async def knock(self, webhook_id: str) -> bool | None:
        """Whether a Telegram trigger's webhook is registered; None where its address can't be reached from here.

        Asked with OPTIONS, whose answer names the methods that n8n's table of webhooks has for the path. Never with
        POST: that goes through a cache, and one that comes while a webhook is being taken back leaves it in there for
        an hour, in which no other workflow can be published with the same path (409; measured on 2.40.7).
        """
        try:
            response = await self._webhooks.read(
                "OPTIONS", f"/webhook/{webhook_id}/webhook", headers={"Origin": _ORIGIN}
            )
        except Unavailable:
            return None
        methods = response.headers.get("access-control-allow-methods")
        return None if methods is None else "POST" in methods

    # --- changes

    async def create_credential(self, body: Json, permit: Permit) -> Json:
        return await self._change("POST", "/credentials", permit, json=body)

    async def update_credential(self, ref: str, body: Json, permit: Permit) -> Json:
        return await self._change("PATCH", f"/credentials/{ref}", permit, json=body)

    async def delete_credential(self, ref: str, permit: Permit) -> None:
        await self._delete(f"/credentials/{ref}", permit)

    async def create_workflow(self, body: Json, permit: Permit) -> Json:
        return await self._change("POST", "/workflows", permit, json=body)

    async def update_workflow(self, ref: str, body: Json, permit: Permit) -> Json:
        return await self._change("PUT", f"/workflows/{ref}", permit, json=body)

    async def unarchive(self, ref: str, permit: Permit) -> None:
        await self._change("POST", f"/workflows/{ref}/unarchive", permit)

    async def activate(self, ref: str, permit: Permit) -> None:
        await self._change("POST", f"/workflows/{ref}/activate", permit)

    async def deactivate(self, ref: str, permit: Permit) -> None:
        await self._change("POST", f"/workflows/{ref}/deactivate", permit)

    async def delete_workflow(self, ref: str, permit: Permit) -> bool:
        """False where n8n isn't done with switching it off (409): ask again in a moment."""
        return await self._delete(f"/workflows/{ref}", permit)

    async def _change(self, method: str, path: str, permit: Permit, **request: Any) -> Json:
        response = await self._api.write(method, path, permit=permit, **request)
        if response.status_code == 404:
            raise Refused(
                REFUSED, "the object is no longer in n8n", detail=_words(response), fix="run the same command again"
            )
        return _body(response, UnknownOutcome(UNKNOWN, "n8n's answer to a change makes no sense"))

    async def _delete(self, path: str, permit: Permit) -> bool:
        response = await self._api.write("DELETE", path, permit=permit)
        if response.status_code == 409:
            return False
        if response.status_code != 404:
            _body(response, UnknownOutcome(UNKNOWN, "n8n's answer to a deletion makes no sense"))
        return True


def _slim(row: Json) -> Json:
    """A workflow without what nobody asks of a list: a fleet's lists would fill the memory twice over."""
    kept = {key: value for key, value in row.items() if key not in ("staticData", "meta", "shared", "nodeGroups")}
    if row.get("activeVersionId") == row.get("versionId"):
        kept["activeVersion"] = None
    return kept


def _one_earlier(cursor: str) -> str | None:
    """The cursor of the page that begins one object earlier; None where cursors no longer look as measured."""
    try:
        place = json.loads(base64.b64decode(cursor + "=="))
        if set(place) != {"limit", "offset"} or place["offset"] < 1:
            return None
        place["offset"] -= 1
    except (binascii.Error, ValueError, TypeError):
        return None
    return base64.b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()


def _body(response: httpx.Response, senseless: TemoError | None = None) -> Json:
    """The JSON of a good answer; raises what a bad one means."""
    if 400 <= response.status_code < 500:
        raise _refusal(response)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.status_code >= 300 or not isinstance(answer, dict):
        raise senseless or Unavailable(
            UNAVAILABLE,
            f"what answers at n8n's address isn't n8n (HTTP {response.status_code})",
            fix="check systems.n8n.url in platform.yaml",
        )
    return answer


def _words(response: httpx.Response) -> str:
    """n8n's own words about a refusal."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _refusal(response: httpx.Response) -> Refused:
    match response.status_code:
        case 401:
            return Refused(
                BAD_KEY,
                "n8n refuses the API key",
                detail=_words(response),
                fix="make a new key in n8n (Settings, n8n API) as its owner; put it where systems.n8n.api_key points",
            )
        case 403:
            return Refused(
                NO_RIGHT,
                "n8n's API key or licence doesn't allow this",
                detail=_words(response),
                fix="use an API key of n8n's owner or of an admin, with all scopes",
            )
        case status:
            return Refused(
                REFUSED,
                f"n8n says no ({status})",
                detail=_words(response),
                fix="the words above are n8n's own; mend what they name, or show them to an engineer",
            )
