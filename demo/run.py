"""The main job on real input, from nothing to nothing: `make demo` (or `make demo N8N=real`).

Brings a sandbox up, plans and applies the two tenants under tenant_specs/, lets both clients pay, delivers a customer's
message, plans again, breaks something by hand, shows and repairs it, lets a payment fail and be made good, destroys
everything, and proves that nothing active is left. Each command is shown as a person would type it. Any surprise ends
the demo with exit code 1, and the sandbox comes down in every case. Must know temoctl by its command line only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WAITING = 3
"""The exit code while a person has something to do."""


class Surprise(Exception):
    """Something went otherwise than the demo promises."""


class Stage:
    """Runs temoctl commands in a world of its own and shows them."""

    def __init__(self, n8n: str) -> None:
        self.n8n = n8n
        self.folder = Path(tempfile.mkdtemp(prefix="temoctl-demo-"))
        self.env = {
            **os.environ,
            "TEMOCTL_PROFILE": "sandbox",
            "TEMOCTL_SANDBOX_DIR": str(self.folder / "world"),
            "TEMOCTL_DIR": str(ROOT),
            "COLUMNS": "100",
        }
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"\n=== {text}  [{time.monotonic() - self.started:.0f} s]", flush=True)

    def run(self, *words: str, expect: int | None = 0) -> None:
        """Show and run one command; its output goes straight to the reader. `expect` None takes any exit code."""
        print(f"\n$ temoctl {' '.join(f'{w!r}' if ' ' in w else w for w in words)}", flush=True)
        done = subprocess.run(self._command(words), env=self.env, cwd=ROOT, check=False)
        if expect is not None and done.returncode != expect:
            raise Surprise(f"temoctl {words[0]} ended with exit code {done.returncode}, not {expect}")

    def ask(self, *words: str, expect: tuple[int, ...] = (0,)) -> Any:
        """Run one command with --json and return its document (not shown)."""
        done = subprocess.run(
            self._command((*words, "--json")), env=self.env, cwd=ROOT, check=False, capture_output=True, text=True
        )
        if done.returncode not in expect:
            raise Surprise(f"temoctl {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def close(self) -> None:
        subprocess.run(self._command(("sandbox", "stop")), env=self.env, cwd=ROOT, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [str(Path(sys.executable).parent / "temoctl"), *words]


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Surprise(what)
    print(f"--> {what}", flush=True)


def play(stage: Stage) -> None:
    stage.say("A world on this machine: all systems and a language model, on 127.0.0.1")
    stage.run("sandbox", "start", "--n8n", stage.n8n)
    stage.run("sandbox", "billing", "clients", "away")
    stage.run("validate")

    stage.say("Two tenants, from their YAML files to working bots")
    stage.run("plan", "--all", expect=WAITING)
    stage.run("apply", "--all", "--yes", expect=WAITING)
    stage.run("status")

    stage.say("What is missing is a card of each client: a link is made for them, and they pay")
    pay(stage)

    stage.say("A customer writes to one of the bots")
    message(stage, "aurora", "How much is a flat white?", "flat white")

    stage.say("Nothing is left to do")
    stage.run("plan", "--all", "--detailed-exitcode")

    stage.say("Somebody edits a workflow by hand; drift shows it, apply puts it back")
    stage.run("sandbox", "edit", "aurora", "rename-node")
    stage.run("drift", "--all", "--detailed-exitcode", expect=2)
    stage.run("apply", "--all", "--yes")
    stage.run("drift", "--all", "--detailed-exitcode")

    stage.say("Months pass at Stripe; one client's card is declined until nobody pays any more")
    fall_behind(stage, "aurora")

    stage.say("Both tenants leave, then the platform")
    destroy(stage)


def pay(stage: Stage) -> None:
    for tenant in ("aurora", "nordwind"):
        stage.run("status", tenant, "--link")
        stage.run("sandbox", "billing", "pay", tenant)
    stage.run("apply", "--all", "--yes")
    stage.run("plan", "--all", "--detailed-exitcode")


def fall_behind(stage: Stage, tenant: str) -> None:
    """On trial, paid, late, unpaid and suspended by Stripe's events; settled, and served again without an apply."""
    stage.run("sandbox", "billing", "advance", "15d")
    expect(standing(stage, tenant) == ("active", "active"), f"the trial of {tenant} is over, and it was charged")
    stage.run("sandbox", "billing", "card", tenant, "--failing")
    stage.run("sandbox", "billing", "advance", "32d")
    expect(standing(stage, tenant) == ("past_due", "warned"), "the next payment failed: a warning, and still served")
    stage.run("sandbox", "billing", "advance", "10d")
    stage.run("status")
    expect(standing(stage, tenant) == ("unpaid", "suspended"), f"{tenant} is suspended by Stripe's event alone")
    stage.run("sandbox", "message", tenant, "Are you there?", expect=None)  # a real n8n answers with a notice
    stage.run("plan", "--all", "--detailed-exitcode")
    stage.run("sandbox", "billing", "card", tenant)
    stage.run("sandbox", "billing", "settle", tenant)
    expect(standing(stage, tenant) == ("active", "active"), f"{tenant} paid, and is served again: nothing was rebuilt")
    message(stage, tenant, "How much is a flat white?", "flat white")


def standing(stage: Stage, tenant: str) -> tuple[str, str]:
    """What Stripe says of the subscription, and what the core workflow reads."""
    (bill,) = [one["bill"] for one in stage.ask("status", tenant)["tenants"]]
    return bill["status"], bill["standing"]["state"]


def message(stage: Stage, tenant: str, text: str, subject: str) -> None:
    stage.run("sandbox", "message", tenant, text)
    seen = stage.ask("sandbox", "message", tenant, text)
    ours = stage.ask("state", "show", f"{tenant}/n8n.workflow.telegram-ingress")["ref"]
    expect(seen["delivered"] and seen["workflow"] == ours, f"the ingress of {tenant} took the message, nobody else's")
    if stage.n8n == "real":
        reply = seen["reply"] or ""
        expect(subject in reply.lower() and any(mark.isdigit() for mark in reply), f"the bot answered: {reply}")


def destroy(stage: Stage) -> None:
    tenants = [path.stem for path in sorted((ROOT / "tenant_specs").glob("*.yaml"))]
    for tenant in [*tenants, "platform"]:
        needed = stage.ask("plan", tenant, "--destroy", expect=(0, 2))["allowances"]
        flags = [word for name in needed for word in ("--allow", name)]
        stage.run("destroy", tenant, "--yes", *flags)
    left = stage.ask("sandbox", "remains")
    expect(not left["active"], "nothing active is left in any system")
    for remainder in left["remainders"]:
        print(f"    remains: {remainder}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--n8n", choices=("fake", "real"), default="fake")
    stage = Stage(parser.parse_args().n8n)
    try:
        play(stage)
    except Surprise as surprise:
        print(f"\ndemo failed: {surprise}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 1
    finally:
        stage.say("Taking the world down")
        stage.close()
    print(f"\nDone in {time.monotonic() - stage.started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
