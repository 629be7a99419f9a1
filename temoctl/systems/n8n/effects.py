"""Creating, changing and deleting in n8n, with the waits its asynchronous publication needs. Reads no lists to decide
what is ours: that was decided before.

What n8n makes necessary (measured, see README.md):
- A trigger keeps its old registration until n8n has worked through its queue. So a workflow whose trigger changes is
  switched off first, and switched on when its webhook is known to be gone: what is seen afterwards is new.
- A changed token is not noticed by triggers that run. So workflows triggered by a credential are switched off with the
  old token (n8n calls deleteWebhook with it) and on with the new one (DECISIONS 16).
- Deleting needs a workflow that is off, and n8n needs a moment to believe it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from temoctl.engine.ports import Clock, Permit
from temoctl.engine.protocol import Call, Outcome
from temoctl.model.errors import Conflict, Refused
from temoctl.model.secret import Secret
from temoctl.model.value import Json
from temoctl.systems.n8n.client import N8nApi
from temoctl.systems.n8n.names import full_name, split_name
from temoctl.systems.n8n.seen import FOREIGN, marker_of
from temoctl.systems.n8n.workflows import (
    Workflow,
    credential_ids,
    is_published,
    outside_triggers,
    published_nodes,
    registrations,
    telegram_webhooks,
)

IN_USE, STILL_BUSY = "TEMO706", "TEMO707"

_POLL = 0.25
_SWITCH_OFF = 30.0
"""Seconds n8n gets to forget a webhook. A dead token makes it try for about 16 s."""
_BLIND = 3.0
"""Seconds to wait where the webhook's address can't be reached from here, so that nothing can be seen."""
_DELETE = 60.0
_LIST_AGE = 10.0
"""Seconds for which deletions of many credentials share one list."""


class Effects:
    """Executes calls, and keeps for whoever asks if a workflow is ready: in `refused` n8n's words about those it
    wouldn't publish, in `restarted` those that were switched on again, so that their count is an old one.
    """

    def __init__(self, api: N8nApi, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self.refused: dict[str, str] = {}
        self.restarted: set[str] = set()
        self._listing = asyncio.Lock()
        self._listed: tuple[float, list[Workflow]] | None = None

    # --- credentials

    async def create_credential(self, call: Call) -> Outcome:
        body = {"name": _name(call), "type": call.props["type"], "data": _revealed(call.props["data"])}
        return _outcome(await self._api.create_credential(body, call.permit))

    async def update_credential(self, call: Call, ref: str) -> Outcome:
        _check_owner(call, await self._api.credential(ref))
        body: dict[str, Json] = {"name": _name(call)}
        stopped: list[Workflow] = []
        if _touches_data(call):
            body |= {"type": call.props["type"], "data": _revealed(call.props["data"])}
            stopped = [one for one in await self._api.workflows() if _triggered_by(one, ref)]
        for workflow in stopped:
            await self._switch_off(workflow, call.permit, must_see=True)
        answer = await self._api.update_credential(ref, body, call.permit)
        for workflow in stopped:
            self.restarted.add(str(workflow["id"]))
            await self._activate(str(workflow["id"]), call.permit)
        return _outcome(answer)

    async def delete_credential(self, call: Call, ref: str) -> None:
        current = await self._api.credential(ref)
        if current is None:
            return
        _check_owner(call, current)
        users = await self._users(ref)
        if users:
            names = ", ".join(f'"{split_name(str(one["name"]))[0]}"' for one in users[:3])
            raise Refused(
                IN_USE,
                f"active workflows in n8n still use this credential: {names}",
                detail="n8n would delete it without a word and leave workflows that fail on every message.",
                fix="switch these workflows off in n8n, or give them another credential, and run the command again",
            )
        await self._api.delete_credential(ref, call.permit)

    async def _users(self, ref: str) -> list[Workflow]:
        """Active workflows that use a credential now. A list some seconds old names whom to ask."""
        now = self._clock.monotonic()
        async with self._listing:
            if self._listed is None or now - self._listed[0] > _LIST_AGE:
                self._listed = now, [one for one in await self._api.workflows() if is_published(one)]
        suspects = [str(one["id"]) for one in self._listed[1] if _uses(one, ref)]
        asked = [await self._api.workflow(one) for one in suspects]
        return [one for one in asked if one is not None and is_published(one) and _uses(one, ref)]

    # --- workflows

    async def create_workflow(self, call: Call) -> Outcome:
        answer = await self._api.create_workflow(_body(call), call.permit)
        if call.props.get("active", True):
            await self._activate(str(answer["id"]), call.permit)
        return _outcome(answer)

    async def update_workflow(self, call: Call, ref: str) -> Outcome:
        current = await self._api.workflow(ref)
        _check_owner(call, current)
        assert current is not None
        wanted = bool(call.props.get("active", True))
        if current.get("isArchived"):
            await self._api.unarchive(ref, call.permit)
        live = is_published(current)
        anew = registrations(published_nodes(current)) != registrations(call.props["nodes"])
        if live and (call.repair or anew or not wanted):
            await self._switch_off(current, call.permit)
            live = False
        answer = await self._api.update_workflow(ref, _body(call), call.permit)
        if wanted and not (live and answer.get("activeVersionId") == answer.get("versionId")):
            self.restarted.add(ref)
            await self._activate(ref, call.permit)
        else:
            self.refused.pop(ref, None)
        return _outcome(answer)

    async def delete_workflow(self, call: Call, ref: str) -> None:
        current = await self._api.workflow(ref)
        if current is None:
            return
        _check_owner(call, current)
        if is_published(current) or current.get("active"):
            await self._api.deactivate(ref, call.permit)
        deadline = self._clock.monotonic() + _DELETE
        while not await self._api.delete_workflow(ref, call.permit):
            if self._clock.monotonic() > deadline:
                raise Conflict(
                    STILL_BUSY,
                    "n8n is still switching the workflow off",
                    fix="look into n8n's log, then run the same command again: it goes on where it stopped",
                )
            await self._clock.sleep(_POLL)

    # --- publication

    async def _activate(self, ref: str, permit: Permit) -> None:
        """Publish. A refusal isn't raised: the workflow is there and recorded; whoever waits for it hears why."""
        try:
            await self._api.activate(ref, permit)
        except Refused as error:
            self.refused[ref] = error.detail or error.summary
        else:
            self.refused.pop(ref, None)

    async def _switch_off(self, workflow: Workflow, permit: Permit, *, must_see: bool = False) -> None:
        """Unpublish, and wait until the webhooks are gone: n8n has then called deleteWebhook with the old token."""
        await self._api.deactivate(str(workflow["id"]), permit)
        hooks = telegram_webhooks(published_nodes(workflow))
        deadline = self._clock.monotonic() + _SWITCH_OFF
        while True:
            answers = [await self._api.knock(hook) for hook in hooks]
            if not any(answers):
                if None in answers:
                    await self._clock.sleep(_BLIND)
                return
            if self._clock.monotonic() > deadline:
                break
            await self._clock.sleep(_POLL)
        if must_see:
            raise Conflict(
                STILL_BUSY,
                f'n8n is still switching "{split_name(str(workflow["name"]))[0]}" off',
                detail="The credential was not changed, so that the old bot can still be let go.",
                fix="look into n8n's log, then run the same command again",
            )


def _name(call: Call) -> str:
    return full_name(str(call.props["name"]), call.marker)


def _body(call: Call) -> dict[str, Json]:
    return {
        "name": _name(call),
        "nodes": _revealed(call.props["nodes"]),
        "connections": _revealed(call.props.get("connections") or {}),
        "settings": _revealed(call.props.get("settings") or {}),
    }


def _revealed(tree: Any) -> Any:
    """Secrets as texts, at the last moment."""
    if isinstance(tree, Secret):
        return tree.reveal()
    if isinstance(tree, Mapping):
        return {key: _revealed(node) for key, node in tree.items()}
    if isinstance(tree, list | tuple):
        return [_revealed(node) for node in tree]
    return tree


def _touches_data(call: Call) -> bool:
    """Whether what is inside a credential changes; where nobody says what does, everything may."""
    return call.repair or not call.changes or any(not change.path.startswith("name") for change in call.changes)


def _triggered_by(workflow: Workflow, credential: str) -> bool:
    return is_published(workflow) and credential in credential_ids(outside_triggers(published_nodes(workflow)))


def _uses(workflow: Workflow, credential: str) -> bool:
    return credential in credential_ids(published_nodes(workflow))


def _check_owner(call: Call, current: Mapping[str, Any] | None) -> None:
    """Never write on an object that is gone or carries another owner's mark."""
    if current is None:
        raise Conflict(FOREIGN, "the object is no longer in n8n", fix="somebody deleted it: run the same command again")
    marker = marker_of(current, call.target.address.kind)
    if marker is not None and not marker.same_object(call.marker):
        raise Conflict(
            FOREIGN,
            "the object in n8n now carries another owner's mark",
            fix="somebody renamed objects in n8n: give both their old names back, or show this to an engineer",
        )


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    ref = str(answer["id"])
    return Outcome(ref, {"id": ref, "name": str(answer["name"])})
