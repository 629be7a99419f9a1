"""Whether objects in n8n really work: ready after a change, and proven end to end. Changes nothing.

n8n's own signs are weak (measured): `active: true` comes before anything is registered and stays for a dead token;
`triggerCount` is 0 until a trigger was registered once, and is never taken back. So a Telegram Trigger counts as ready
when it was registered once and n8n says that its webhook takes POST; Telegram, asked by
temoctl itself, is the witness that n8n's token works. Where a workflow was switched on again, the count is an old one,
and the webhook is open for a moment even with a dead token: then n8n's test of the credential has to pass, and the
webhook to be open still. Otherwise, only when a trigger stays unregistered is n8n's own test of the
credential asked for the reason: its tests go one by one, so a fleet can't afford one that proves nothing new.

What was proven a moment ago by this process is not asked again: readiness and several probes want the same proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temoctl.engine.ports import Clock
from temoctl.engine.protocol import ProbeResult, Readiness, Ready, Target
from temoctl.model.errors import TemoError
from temoctl.systems.n8n.client import N8nApi
from temoctl.systems.n8n.workflows import (
    Workflow,
    called_workflows,
    credential_ids,
    is_published,
    outside_triggers,
    published_nodes,
    telegram_webhooks,
)

TESTED = frozenset({"telegramApi", "postgres", "mongoDb", "openAiApi", "supabaseApi"})
"""Credential types whose test n8n has and that temoctl uses; for others its answer would prove nothing."""

_IN_TURN = TESTED - {"postgres", "mongoDb"}
"""Types whose test n8n describes as a request: all of those go through one table inside n8n, and two at once disturb
each other ("Node not found", measured). A login to a database is tried by a function, as many at once as there are."""

WITNESSED = frozenset({"telegramApi"})
"""Types whose working shows from outside: the webhook at Telegram was set with n8n's own token."""

_TRIALS, _PAUSE = 3, 0.5
_FRESH = 60.0
"""Seconds for which a proof of this process counts: long enough for the probes of one run."""

_READY = Ready(Readiness.READY)


class Health:
    """`refused` and `restarted` are kept by effects.Effects."""

    def __init__(self, api: N8nApi, clock: Clock, refused: dict[str, str], restarted: set[str]) -> None:
        self._api, self._clock, self._refused, self._restarted = api, clock, refused, restarted
        self._tested: dict[str, float] = {}
        self._there: dict[str, float] = {}
        self._well: dict[str, tuple[float, Workflow]] = {}
        self._unregistered: set[str] = set()

    # --- ready

    async def workflow_ready(self, target: Target, ref: str) -> Ready:
        workflow = await self._api.workflow(ref)
        if workflow is None:
            return Ready(Readiness.BROKEN, "the workflow is no longer in n8n", "run the same command again")
        ready = await self._ready(workflow, wanted=bool(target.props.get("active", True)))
        if ready.state is Readiness.READY and is_published(workflow):
            self._well[ref] = (self._clock.monotonic(), workflow)
            self.seen(ref)
        return ready

    async def _ready(self, workflow: Workflow, *, wanted: bool) -> Ready:
        if not wanted:
            return _READY
        ref = str(workflow["id"])
        if not is_published(workflow):
            return Ready(
                Readiness.BROKEN,
                f"n8n didn't publish the workflow: {self._refused.get(ref) or 'somebody switched it off'}",
                "open the workflow in n8n: it marks what is missing; then run the same command again",
            )
        if workflow.get("activeVersionId") != workflow.get("versionId"):
            return Ready(Readiness.PENDING, "n8n still runs an older version of the workflow")
        triggers = outside_triggers(published_nodes(workflow))
        if not triggers:
            return _READY  # called by other workflows: being published is all it takes
        return await self._registered(workflow, triggers)

    async def _registered(self, workflow: Workflow, triggers: Sequence[Any]) -> Ready:
        ref = str(workflow["id"])
        hooks = telegram_webhooks(triggers)
        answers = [await self._api.knock(hook) for hook in hooks]
        if False not in answers and ref in self._restarted:
            # The count is an old one, and n8n opens the webhook before it asks Telegram: look at both once more.
            refusal = await self._refused_credential(credential_ids(triggers))
            if refusal is not None:
                return refusal
            await self._clock.sleep(_PAUSE)
            answers = [await self._api.knock(hook) for hook in hooks]
        if not workflow.get("triggerCount") or False in answers:
            if ref in self._unregistered:  # not just slow: n8n never tells, but its test of the credential does
                refusal = await self._refused_credential(credential_ids(triggers))
                if refusal is not None:
                    return refusal
            self._unregistered.add(ref)
            return Ready(
                Readiness.PENDING,
                "n8n has not registered the trigger yet",
                "look into n8n's log for why: n8n doesn't show it elsewhere. Most often the bot's token is wrong, or "
                "n8n's own WEBHOOK_URL can't be reached from Telegram",
            )
        self._unregistered.discard(ref)
        self._restarted.discard(ref)
        return _READY

    async def _refused_credential(self, refs: Sequence[str]) -> Ready | None:
        for ref in refs:
            credential = await self._api.credential(ref)
            if credential is None:
                return Ready(
                    Readiness.BROKEN,
                    "a credential of the workflow is no longer in n8n",
                    "run `temoctl apply` again: it makes a new one",
                )
            words = await self._trial(str(credential["type"]), ref)
            if words is not None:
                return Ready(Readiness.BROKEN, *_refusal(str(credential["type"]), words))
        return None

    async def _trial(self, kind: str, ref: str) -> str | None:
        """n8n's words when it couldn't use a credential; None when it could, or has no way to try.

        Some tests disturb each other, and others may be testing too: a failure counts when it repeats.
        """
        if kind not in TESTED or self._fresh(self._tested, ref):
            return None
        words = ""
        for attempt in range(_TRIALS):
            if attempt:
                await self._clock.sleep(_PAUSE)
            result = await self._api.test_credential(ref, in_turn=kind in _IN_TURN)
            if result is None or result.get("status") == "OK":
                self._tested[ref] = self._clock.monotonic()
                return None
            words = str(result.get("message") or "no reason given")
        return words

    def forget(self, ref: str) -> None:
        """What was proven of an object no longer counts: it is being changed."""
        for proofs in (self._tested, self._there, self._well):
            proofs.pop(ref, None)
        self._unregistered.discard(ref)

    def seen(self, ref: str) -> None:
        """This process just made the object, or saw it at work."""
        self._there[ref] = self._clock.monotonic()

    def _fresh(self, proofs: dict[str, float], ref: str) -> bool:
        return ref in proofs and self._clock.monotonic() - proofs[ref] < _FRESH

    # --- probes

    async def probe_credential(self, target: Target, ref: str) -> list[ProbeResult]:
        kind = str(target.props.get("type", ""))
        if kind not in TESTED - WITNESSED:
            return []
        name = "n8n can use the credential"
        try:
            words = await self._trial(kind, ref)
        except TemoError as error:
            return [_failed(target, name, error)]
        if words is None:
            return [ProbeResult(target.address, name, True)]
        return [ProbeResult(target.address, name, False, *_refusal(kind, words))]

    async def probe_workflow(self, target: Target, ref: str) -> list[ProbeResult]:
        name = "is published and its trigger is registered"
        try:
            at, workflow = self._well.get(ref, (-_FRESH, None))
            ready = _READY
            if workflow is None or self._clock.monotonic() - at >= _FRESH:
                workflow = await self._api.workflow(ref)
                if workflow is None:
                    return [ProbeResult(target.address, name, False, "it is no longer in n8n", "run `temoctl apply`")]
                ready = await self._ready(workflow, wanted=bool(target.props.get("active", True)))
            works = ready.state is Readiness.READY
            return [
                ProbeResult(target.address, name, works, "" if works else ready.why, "" if works else ready.fix),
                *await self._missing(target, workflow),
            ]
        except TemoError as error:
            return [_failed(target, name, error)]

    async def _missing(self, target: Target, workflow: Workflow) -> list[ProbeResult]:
        """Whether everything the published nodes name is there: credentials, and workflows that are published."""
        nodes = published_nodes(workflow)
        lacking = [ref for ref in credential_ids(nodes) if not await self._is_there(ref)]
        results = []
        if credential_ids(nodes):
            why = f"{len(lacking)} of them no longer in n8n" if lacking else ""
            fix = "run `temoctl apply`: it makes what is missing" if lacking else ""
            results.append(ProbeResult(target.address, "has all its credentials", not lacking, why, fix))
        called = called_workflows(nodes)
        if called:
            off = [ref for ref in called if not await self._is_published(ref)]
            why = f"not there or not published in n8n: {', '.join(off)}" if off else ""
            fix = "run `temoctl apply` for this tenant and for platform" if off else ""
            results.append(ProbeResult(target.address, "reaches the workflows it calls", not off, why, fix))
        return results

    async def _is_there(self, credential: str) -> bool:
        if not (self._fresh(self._tested, credential) or self._fresh(self._there, credential)):
            if await self._api.credential(credential) is None:
                return False
            self.seen(credential)
        return True

    async def _is_published(self, ref: str) -> bool:
        """Of a workflow that others call: the shared core is asked once for a whole fleet."""
        if not self._fresh(self._there, ref):
            workflow = await self._api.workflow(ref)
            if workflow is None or not is_published(workflow):
                return False
            self.seen(ref)
        return True


def _refusal(kind: str, words: str) -> tuple[str, str]:
    """Why n8n couldn't use a credential and what to do, in words for the one who has to do it."""
    match kind:
        case "telegramApi":
            return (
                f"Telegram refused the token ({words})",
                "ask the bot's owner for the current token (@BotFather, /mybots, API Token), store it with "
                "`temoctl secrets set`, and run `temoctl apply`",
            )
        case "postgres":
            return (
                f"n8n can't log in to the database ({words})",
                "check that n8n reaches the database (systems.supabase.n8n_host and n8n_port), and run `temoctl apply`",
            )
        case "mongoDb":
            return (
                f"n8n can't log in to the history ({words})",
                "check that n8n reaches MongoDB (systems.mongodb.n8n_host and n8n_port), and run `temoctl apply`",
            )
        case "openAiApi":
            return (
                f"the language model's service refused the key ({words})",
                "check shared.llm in platform.yaml, and run `temoctl apply platform`",
            )
        case _:
            return f"n8n can't use the credential ({words})", "check its values, and run `temoctl apply`"


def _failed(target: Target, name: str, error: TemoError) -> ProbeResult:
    return ProbeResult(target.address, name, False, error.summary, error.fix)
