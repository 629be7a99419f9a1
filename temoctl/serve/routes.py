"""The routes. Each hands what came in to its use case and gives back a status; nothing is decided here."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from temoctl.app.billing_events import MAX_BODY, BillingEvents, Heard, Hearing

READING = 10.0
"""Seconds that a sender gets to send its message."""

STATUS = {
    Heard.HANDLED: 200,
    Heard.REPEATED: 200,
    Heard.IGNORED: 200,  # a sender that hears "no" for weeks switches the whole endpoint off
    Heard.TOO_LARGE: 413,
    Heard.UNSIGNED: 400,
    Heard.OLD: 400,
    Heard.UNREADABLE: 400,
    Heard.BUSY: 503,
    Heard.NOT_READY: 503,
    Heard.FAILED: 503,
}

Listen = Callable[[Hearing], None]
Complain = Callable[[str], None]


def application(events: BillingEvents, *, heard: Listen, complain: Complain) -> FastAPI:
    """`heard` is told of every delivery, `complain` of faults of our own, as lines without a word of the message."""
    made = FastAPI(
        title="temoctl",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Spans and metrics would carry addresses and headers to wherever the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )

    @made.post("/stripe/events")
    async def stripe_events(request: Request) -> JSONResponse:
        try:
            async with asyncio.timeout(READING):
                body = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return _said(408, "incomplete")
        hearing = await events.hear(body, request.headers.get("stripe-signature", ""))
        heard(hearing)
        return _said(STATUS[hearing.heard], hearing.heard.value)

    @made.get("/health")
    async def health() -> JSONResponse:
        well = await events.well()
        return _said(200 if well else 503, "ready" if well else "not ready")

    @made.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        # Where it happened, never what it said: a message may quote what came in.
        places = [f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)[-4:]]
        complain(f"{type(error).__name__} at {', '.join(places)}")
        return _said(500, "a fault of our own")

    return made


async def _body(request: Request) -> bytes:
    """The message, or a little more of it than is allowed: enough to tell that it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return bytes(body[: MAX_BODY + 1])


def _said(status: int, outcome: str) -> JSONResponse:
    answer: dict[str, Any] = {"outcome": outcome}
    return JSONResponse(answer, status_code=status)
