"""What getWebhookInfo says about one bot, and what it proves. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

from temoctl.engine.protocol import ProbeResult, Target
from temoctl.model.identity import Marker, webhook_id
from temoctl.model.resource import Doubt, Observed, Presence
from temoctl.model.value import digest
from temoctl.systems.telegram.tokens import without_tokens

RECENT = 300.0
"""Seconds for which a failed delivery counts as news; Telegram keeps showing the last one for ever."""
FEW = 20
"""So many messages may wait without anything being wrong."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a bot's messages go and how that has been going. `url` is "" when nobody is told."""

    bot: str
    url: str
    pending: int = 0
    error_at: float = 0.0
    error: str = ""

    @classmethod
    def of(cls, info: Mapping[str, Any], bot: str) -> Self:
        return cls(
            bot,
            str(info.get("url") or ""),
            int(info.get("pending_update_count") or 0),
            float(info.get("last_error_date") or 0),
            without_tokens(str(info.get("last_error_message") or "")),
        )

    def is_ours(self, expected: str) -> bool:
        """The path holds an id that only this ingress can have; another host in front of it is our own move."""
        return bool(self.url) and urlsplit(self.url).path == urlsplit(expected).path

    def leads_to(self, bot: Marker) -> bool:
        """Whether the messages go to the ingress of this bot's channel, wherever n8n stands."""
        ingress = Marker(bot.owner, "workflow", f"{bot.name}-ingress")
        return webhook_id(ingress) in urlsplit(self.url).path.split("/")

    def foreign(self) -> tuple[str, str]:
        """What is wrong and what to do; the host only, because a path may hold the other owner's secret."""
        host = urlsplit(self.url).hostname or "an address that can't be read"
        return (
            f"the bot answers to another address ({host})",
            f"if {host} may lose this bot, remove its webhook there or revoke the token in @BotFather, then run again; "
            "else give this tenant a bot of its own",
        )

    def observed(self, target: Target) -> Observed:
        if not self.url:
            return Observed.absent(target.address)
        if not self.is_ours(str(target.props.get("url") or "")):
            why, fix = self.foreign()
            return Observed.unknown(target.address, Doubt.FOREIGN, why, fix=fix, code="TEMO725")
        return Observed(
            target.address,
            Presence.PRESENT,
            ref=self.bot,
            props={"url": self.url},
            outputs={"id": self.bot},
            fingerprint=digest(self.url),
            marker=target.marker,
            note=self._note(),
        )

    def proven(self, target: Target, now: float) -> Sequence[ProbeResult]:
        """Three proofs of one call. An old failure is no news once nothing waits any more."""
        here = bool(self.url) and self.url == target.props.get("url")
        why, fix = ("nobody is told about its messages", "run `temoctl apply` again") if not self.url else ("", "")
        if self.url and not here:
            why, fix = self.foreign()
        failing = self.pending > 0 and self.error_at > now - RECENT
        address = target.address
        return [
            ProbeResult(address, "customers' messages are delivered to us", here, why, fix),
            ProbeResult(
                address,
                "the last deliveries went through",
                not failing,
                self._note() if failing else "",
                "look at the ingress workflow's executions in n8n" if failing else "",
            ),
            ProbeResult(
                address,
                "no messages pile up",
                self.pending <= FEW,
                f"{self.pending} messages wait" if self.pending > FEW else "",
                "n8n is slow or down: run `temoctl doctor`" if self.pending > FEW else "",
            ),
        ]

    def _note(self) -> str:
        if not self.error_at:
            return ""
        at = datetime.fromtimestamp(self.error_at, UTC)
        return f"a delivery failed on {at:%d %b %H:%M} UTC: {self.error or 'no reason given'}"
