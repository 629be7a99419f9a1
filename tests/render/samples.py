"""Plans, results and problems as the screens get them: made by hand, so that a golden shows one thing each."""

from __future__ import annotations

from dataclasses import replace

from temoctl.app.certificate import Certificate, Entry, Remainder
from temoctl.engine.protocol import ProbeResult, Proof, Verdict
from temoctl.engine.result import DoneStep, FailedStep, NotTriedStep, RunResult
from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic, Severity, Where
from temoctl.model.kind import Impact
from temoctl.model.money import Money
from temoctl.model.plan import Inputs, Mode, Plan, TenantPlan
from temoctl.model.step import Action, Drift, FieldChange, Step

NOW = 1_795_342_320.0  # 2026-11-22 10:12 UTC
SPEC = "tenant_specs/acme.yaml"


def step(name: str, action: Action, because: str, label: str, detail: str = "", **more: object) -> Step:
    address = Address.parse(f"acme/{name}")
    line = more.pop("line", 17)
    made = Step(str(address), address, action, because, label, detail, where=Where(SPEC, int(str(line)), 5))
    return replace(made, **more)  # type: ignore[arg-type]


CREATE_LOGIN = step("n8n.credential.telegram", Action.CREATE, "the spec asks for it", "Telegram login", line=36)
CREATE_BASE = step(
    "supabase.schema.knowledge", Action.CREATE, "the spec asks for it", "Knowledge base", "2 tables", line=48
)
CREATE_INGRESS = step(
    "n8n.workflow.telegram-ingress",
    Action.CREATE,
    "the spec asks for it",
    "Telegram ingress",
    line=35,
    impact=Impact.CUSTOMERS,
)
CHANGE_BOT = step(
    "telegram.bot.telegram",
    Action.UPDATE,
    "the spec changed: description and token",
    "Telegram bot",
    "@acme_bot",
    impact=Impact.CUSTOMERS,
    changes=(
        FieldChange("description", "Old words", "New words about \x1b[31mcoffee"),
        FieldChange("token", "version 1", "version 2", secret=True),
        FieldChange("commands", [], [{"command": "menu", "description": "What we serve today and what it costs"}]),
    ),
)
DELETE_PRICES = step(
    "supabase.table.products-prices",
    Action.DELETE,
    f"it was removed from {SPEC}:41",
    "Knowledge table",
    "Prices (212 rows)",
    impact=Impact.DATA_LOSS,
    reversible=False,
    allowance="delete:supabase.table",
)
REPLACE_FILE = step(
    "supabase.file.products-catalogue",
    Action.REPLACE,
    "path can't be changed on what is there, so it is made anew",
    "Source file of Catalogue",
    "tenant_specs/kb/a-long-folder-name/catalogue.csv",
    forced_by=("path",),
)
CHEAPER = step(
    "stripe.subscription.plan",
    Action.UPDATE,
    "the spec changed: plan",
    "Plan",
    "PRO -> START",
    impact=Impact.MONEY,
    money=Money(-3000, "EUR", "month"),
)
WAIT_WEBHOOK = step(
    "telegram.webhook.telegram",
    Action.WAIT,
    "it must show that this works, and it isn't there yet",
    "Telegram webhook",
    wait_for="Telegram webhook to be as it should",
)
ASK_FOREIGN = step(
    "telegram.webhook.telegram",
    Action.ASK,
    "messages of @acme_bot go to another server: https://elsewhere.example/hook",
    "Telegram webhook",
    fix="ask whoever runs that server, or remove the webhook at Telegram",
    code="TEMO403",
)
EDITED = step(
    "n8n.workflow.telegram-ingress",
    Action.UPDATE,
    "it was changed outside temoctl (last saved on 3 Nov): nodes[Reply] and settings.timezone",
    "Telegram ingress",
    impact=Impact.PAUSE,
    changes=(FieldChange("settings.timezone", "UTC", "Europe/Berlin", drift=True),),
)
DRIFTED = Drift(
    EDITED.address,
    "Telegram ingress",
    "was changed outside temoctl (last saved on 3 Nov): nodes[Reply] and settings.timezone",
    EDITED.changes,
)
BROKEN = Diagnostic(
    "TEMO203",
    "unknown channel",
    where=Where("tenant_specs/bloom.yaml", 17, 5, 7),
    span="not a channel",
    snippet="    whatsap:",
    suggestion="whatsapp",
    allowed=("telegram", "whatsapp", "instagram", "facebook", "gmail", "website", "tiktok"),
    tenant="bloom",
)


def tenant(name: str = "acme", steps: tuple[Step, ...] = (), **more: object) -> TenantPlan:
    made = TenantPlan(name, "uid-of-" + name, False, 3, steps, unchanged=9, inputs=Inputs(spec="9c1e2a4f00"))
    return replace(made, **more)  # type: ignore[arg-type]


def plan(*tenants: TenantPlan, mode: Mode = Mode.APPLY, **more: object) -> Plan:
    made = Plan("P-7F3K9Q", mode, NOW - 12, NOW + 5400, "k3jd82m1xq", tenants)
    return replace(made, **more)  # type: ignore[arg-type]


MIXED = plan(
    tenant(
        steps=(
            CREATE_LOGIN,
            CREATE_BASE,
            CREATE_INGRESS,
            CHANGE_BOT,
            REPLACE_FILE,
            CHEAPER,
            EDITED,
            DELETE_PRICES,
            WAIT_WEBHOOK,
        ),
        drift=(DRIFTED,),
        not_applied=("website",),
    )
)
FLEET = plan(
    tenant("acme", (CHANGE_BOT, ASK_FOREIGN)),
    tenant("bloom", problems=(BROKEN,), unchanged=0),
    tenant("corner"),
    tenant("delta"),
)

FAILURE = Diagnostic(
    "TEMO705",
    "n8n limits our calls: 429 after 6 tries",
    detail="It asks to wait 30 s.",
    fix="run the same command again later; nothing was changed by the refused call",
)
STOPPED = RunResult(
    "acme",
    "uid",
    "R-19C2",
    done=(DoneStep(CREATE_BASE, 0.4), DoneStep(CHANGE_BOT, 1.2)),
    failed=(FailedStep(CREATE_LOGIN, FAILURE),),
    not_tried=(NotTriedStep(CREATE_INGRESS, "needs Telegram login"),),
    seconds=38.0,
)
UNKNOWN = replace(STOPPED, failed=(FailedStep(CREATE_LOGIN, FAILURE, unknown=True),), stopped="stopped on request")
RED = RunResult(
    "acme",
    "uid",
    "R-19C3",
    done=(DoneStep(CREATE_BASE, 0.4),),
    probes=(
        ProbeResult(CREATE_BASE.address, "reads its own knowledge base", True),
        ProbeResult(
            WAIT_WEBHOOK.address,
            "messages reach n8n",
            False,
            "Telegram reports: wrong response from the webhook: 404 Not Found",
            "apply again; if it stays red, look at the workflow in n8n",
        ),
    ),
)
GREEN = replace(RED, probes=RED.probes[:1])
CERTIFICATE = Certificate(
    "acme",
    "nqzfhaj6m4pcry5e",
    "k3jd82m1xq",
    "R-B8P054Y3",
    "anna",
    NOW,
    (
        Entry(CREATE_LOGIN.address, "Telegram login", Verdict.DELETED, "n8n answers 404 to the credential's id"),
        Entry(CREATE_BASE.address, "Knowledge base", Verdict.DELETED, "no such schema | no such role"),
        Entry(CHANGE_BOT.address, "Telegram bot @acme_bot", Verdict.RETAINED, "its texts are empty; it stays"),
    ),
    (Remainder("the bot, its token and its chats", "only its owner can delete a bot, in @BotFather"),),
    key_destroyed=True,
)
DELETED = RunResult(
    "acme", "uid", "R-1", done=(DoneStep(DELETE_PRICES, 0.2, proof=Proof(Verdict.DELETED, "no such table")),)
)
SEVERITIES = (BROKEN, replace(BROKEN, severity=Severity.WARNING, code="TEMO118", suggestion="", allowed=()))
