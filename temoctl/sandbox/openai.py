"""An OpenAI-compatible stand-in that answers from the rows it finds in its prompt. Deterministic; keeps the prompts.

It is no language model: it looks for the row that shares most words with the customer's question and says what that
row costs. So an answer with the right price proves that the knowledge base reached the prompt.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from temoctl.engine.ports import Clock
from temoctl.systems.fake_http import FakeHttp, FakeRequest, FakeResponse

MODEL = "sandbox-1"
_KEPT = 200

_SAYS = {
    "en": "{name} costs {price}.",
    "de": "{name} kostet {price}.",
    "fr": "{name} coûte {price}.",
    "es": "{name} cuesta {price}.",
    "it": "{name} costa {price}.",
    "pt": "{name} custa {price}.",
    "nl": "{name} kost {price}.",
    "pl": "{name} kosztuje {price}.",
    "ru": "{name} стоит {price}.",
    "uk": "{name} коштує {price}.",
}
_PRICE = re.compile(r"(?i)price|cost|preis|prix|precio|prezzo|preço|cena|цена|ціна|стоимость")
_NAME = re.compile(r"(?i)^(name|title|product|service|item|artikel|nom|nombre|nome|nazwa|название|назва|наименование)")
_CURRENCY = re.compile(r"\b(EUR|USD|GBP|CHF|PLN|CZK|UAH|RUB|SEK|NOK|DKK|TRY|GEL|KZT|HUF|RON|BGN)\b")
_LANGUAGE = re.compile(r"(?i)\blanguage\W{1,4}([a-z]{2})\b")
_PAIR = re.compile(r"^\s*(?:[-*•]\s*)?([\w ]{1,40}?)\s*[:=]\s*(.+?)\s*$")
_WORD = re.compile(r"[^\W\d_]{3,}")

Row = Mapping[str, Any]


class FakeOpenAI(FakeHttp):
    """Serves `/v1/chat/completions` and `/v1/models`. Where a `key` is given, another one gets no answers."""

    name = "llm"

    def __init__(self, clock: Clock, *, key: str = "") -> None:
        super().__init__(clock)
        self._key = key
        self.prompts: list[dict[str, str]] = []
        self._count = 0
        self.route("POST", "/v1/chat/completions", self._complete)
        self.route("GET", "/v1/models", self._models)
        self.route("GET", "/v1/models/{model}", self._model)

    def denied(self, request: FakeRequest) -> FakeResponse:
        return _error(401, "Incorrect API key provided.", "invalid_api_key")

    def not_found(self, request: FakeRequest) -> FakeResponse:
        return _error(404, f"Unknown request URL: {request.method} {request.path}.", "unknown_url")

    def _allowed(self, request: FakeRequest) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return not self._key or hmac.compare_digest(given.encode(), self._key.encode())

    async def _models(self, request: FakeRequest) -> FakeResponse:
        return FakeResponse(json={"object": "list", "data": [_about_model()]})

    async def _model(self, request: FakeRequest, model: str) -> FakeResponse:
        return FakeResponse(json=_about_model()) if model == MODEL else _error(404, "no such model", "model_not_found")

    async def _complete(self, request: FakeRequest) -> FakeResponse:
        if not self._allowed(request):
            return self.denied(request)
        try:
            asked = request.json
            messages = [(str(one["role"]), _text(one.get("content"))) for one in asked["messages"]]
        except (ValueError, KeyError, TypeError):
            return _error(400, "you must provide a messages parameter", "missing_required_parameter")
        question = next((text for role, text in reversed(messages) if role == "user"), "")
        context = "\n".join(text for role, text in messages if role != "user" or text != question)
        reply = answer(question, context)
        self._count += 1
        self.prompts = [*self.prompts, {"question": question, "context": context, "reply": reply}][-_KEPT:]
        done = self._completion(str(asked.get("model") or MODEL), reply, context, question)
        return _streamed(done, reply) if asked.get("stream") else FakeResponse(json=done)

    def _completion(self, model: str, reply: str, context: str, question: str) -> dict[str, Any]:
        asked, said = len((context + question).split()), len(reply.split())
        return {
            "id": f"chatcmpl-{self._count}",
            "object": "chat.completion",
            "created": int(self.clock.now()),
            "model": model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": reply}, "logprobs": None}
                | {"finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
        }


def answer(question: str, context: str) -> str:
    """What the stand-in says to a customer's question, given the rest of the prompt."""
    found = sorted(rows(context), key=lambda row: -_closeness(question, row))
    best = next(iter(found), None)
    if best is None or _closeness(question, best) == 0:
        known = ", ".join(dict.fromkeys(_name(row) for row in found[:5] if _name(row)))
        return f"I don't know. Ask me about: {known}." if known else "I don't know."
    price = next((str(value) for key, value in best.items() if _PRICE.search(key) and value not in (None, "")), "")
    if not price:
        return "; ".join(f"{key}: {value}" for key, value in best.items() if value not in (None, "")) + "."
    named = next((str(value) for key, value in best.items() if key.lower() in ("currency", "währung")), "")
    everywhere = _CURRENCY.search(context)
    currency = named or (everywhere[1] if everywhere else "")
    language = _LANGUAGE.search(context)
    words = _SAYS.get(language[1].lower() if language else "en", _SAYS["en"])
    return words.format(name=_name(best), price=_amount(price, currency))


def _amount(price: str, currency: str) -> str:
    """With two decimals, as on a price list: databases and JSON drop zeros at the end."""
    if re.fullmatch(r"\d+(\.\d+)?", price):
        price = f"{float(price):.2f}"
    return price if not currency or _CURRENCY.search(price) else f"{price} {currency}"


def rows(context: str) -> Iterator[Row]:
    """Every row in a prompt: JSON objects with more than one field, and lines like `name: Latte, price: 3.50`."""
    rest = []
    decoder, at = json.JSONDecoder(), 0
    while at < len(context):
        opening = min((spot for spot in (context.find(c, at) for c in "[{") if spot >= 0), default=-1)
        if opening < 0:
            break
        rest.append(context[at:opening])
        try:
            tree, at = decoder.raw_decode(context, opening)
        except ValueError:
            at = opening + 1
            continue
        yield from _objects(tree)
    rest.append(context[at:])
    for line in "\n".join(rest).splitlines():
        row = _pairs(line)
        if len(row) > 1:
            yield row


def _objects(tree: Any) -> Iterator[Row]:
    if isinstance(tree, list):
        for one in tree:
            yield from _objects(one)
    elif isinstance(tree, dict):
        plain = {key: value for key, value in tree.items() if not isinstance(value, dict | list)}
        if len(plain) > 1:
            yield plain
        for value in tree.values():
            if isinstance(value, dict | list):
                yield from _objects(value)


def _pairs(line: str) -> Row:
    parts = re.split(r"[;|\t]|,\s", line)
    found = [pair.groups() for pair in (_PAIR.match(part) for part in parts) if pair]
    return {key.strip(): value for key, value in found}


def _closeness(question: str, row: Row) -> int:
    """Words of the question that stand in the row; a whole value that stands in the question counts most."""
    asked = _words(question)
    texts = [str(value) for value in row.values() if isinstance(value, str)]
    shared = len(asked & _words(" ".join(texts)))
    whole = sum(len(text) for text in texts if len(text) > 2 and text.casefold() in question.casefold())
    return shared * 10 + whole


def _words(text: str) -> set[str]:
    found = {word.casefold() for word in _WORD.findall(text)}
    return found | {word.removesuffix("s") for word in found}


def _name(row: Row) -> str:
    named = [str(value) for key, value in row.items() if _NAME.match(key) and value]
    texts = [value for value in row.values() if isinstance(value, str) and value and not value[:1].isdigit()]
    return (named or texts or [""])[0]


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _about_model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": 1_700_000_000, "owned_by": "sandbox"}


def _error(status: int, words: str, code: str) -> FakeResponse:
    return FakeResponse(
        status, {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": code}}
    )


def _streamed(done: dict[str, Any], reply: str) -> FakeResponse:
    base = {key: done[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    parts = [{"role": "assistant", "content": reply}, {}]
    chunks = [
        base | {"choices": [{"index": 0, "delta": part, "finish_reason": None if part else "stop"}]} for part in parts
    ]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return FakeResponse(body=body.encode(), headers={"content-type": "text/event-stream"})
