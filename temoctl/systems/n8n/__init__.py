"""n8n as a system: per-tenant credentials and workflows, and the core workflow that the platform shares.

What n8n does and doesn't do is in README.md, measured on a real one. Must not know Telegram, Supabase or blueprints.
"""

from __future__ import annotations

from temoctl.engine.protocol import Context, Limits, Plugin, System
from temoctl.systems.n8n.kinds import KINDS
from temoctl.systems.n8n.settings import N8nSettings


async def _connect(settings: N8nSettings, context: Context) -> System:
    from temoctl.systems.n8n.client import N8nApi
    from temoctl.systems.n8n.resources import N8nSystem

    api = N8nApi(
        settings.url,
        settings.webhooks,
        context.secrets["api_key"],
        clock=context.clock,
        slots=context.slots,
        timeout=settings.timeout or context.timeout,
        transport=context.transport,
    )
    return N8nSystem(api, clock=context.clock, settle=settings.settle)


plugin = Plugin(
    name="n8n",
    kinds=KINDS,
    settings=N8nSettings,
    connect=_connect,
    limits=Limits(concurrency=8, rate=0.0, burst=1, per_key=0.0),
    describe="n8n: the workflows that answer, and the credentials they use",
    remains=(
        (
            "failed runs of the shared workflows in n8n",
            "n8n keeps the message a run failed on until it prunes old executions (EXECUTIONS_DATA_MAX_AGE, "
            "14 days unless set otherwise); runs of the tenant's own workflows go with them",
        ),
    ),
)
