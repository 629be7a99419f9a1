"""The language model's stand-in answers from the rows in its prompt, and from nothing else."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from temoctl.engine.clock import VirtualClock
from temoctl.sandbox.openai import FakeOpenAI, answer
from temoctl.systems.fake_http import InProcess

ROWS: list[dict[str, Any]] = [
    {"sku": "0001", "name": "Espresso", "size": "single", "price": 2.2, "vegan": True},
    {"sku": "0002", "name": "Latte", "size": "large", "price": "3.50", "vegan": False},
    {"sku": "0003", "name": "Flat white", "size": "small", "price": 3.1, "vegan": False},
]
RULES = "You answer for Acme. Currency: EUR. Be brief.\n"


def in_json(rows: Any) -> str:
    return RULES + "Knowledge base:\n" + json.dumps(rows, indent=1)


def in_lines(rows: list[dict[str, Any]]) -> str:
    return RULES + "\n".join("- " + ", ".join(f"{key}: {value}" for key, value in row.items()) for row in rows)


@pytest.mark.parametrize("prompt", [in_json(ROWS), in_json({"Catalogue": {"rows": ROWS}}), in_lines(ROWS)])
@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How much is a latte?", "Latte costs 3.50 EUR."),
        ("and two flat whites please?", "Flat white costs 3.10 EUR."),
        ("ESPRESSO??", "Espresso costs 2.20 EUR."),
    ],
)
def test_the_price_of_the_closest_row(prompt: str, question: str, reply: str) -> None:
    assert answer(question, prompt) == reply


def test_the_prompts_language_decides() -> None:
    assert answer("Was kostet ein Latte?", in_json(ROWS) + "\nlanguage: de") == "Latte kostet 3.50 EUR."
    rows = [{"название": "Абонемент", "цена": "49 EUR"}, {"название": "Сауна", "цена": "9 EUR"}]
    assert answer("Сколько стоит абонемент?", in_json(rows) + '\n"language": "ru"') == "Абонемент стоит 49 EUR."


def test_nothing_is_made_up() -> None:
    assert answer("How much is a cake?", in_json(ROWS)) == "I don't know. Ask me about: Espresso, Latte, Flat white."
    assert answer("How much is a latte?", RULES) == "I don't know."


@pytest.mark.anyio
async def test_it_speaks_like_openai_and_keeps_its_prompts() -> None:
    fake = FakeOpenAI(VirtualClock(), key="sk-right")
    async with httpx.AsyncClient(transport=InProcess({"http://llm.test": fake}), base_url="http://llm.test/v1") as api:
        asked = {
            "model": "sandbox-1",
            "messages": [
                {"role": "system", "content": in_json(ROWS)},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hello!"},
                {"role": "user", "content": [{"type": "text", "text": "Price of an espresso?"}]},
            ],
        }
        refused = await api.post("/chat/completions", json=asked, headers={"authorization": "Bearer sk-wrong"})
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        api.headers["authorization"] = "Bearer sk-right"
        first = (await api.post("/chat/completions", json=asked)).json()
        assert first["choices"][0]["message"] == {"role": "assistant", "content": "Espresso costs 2.20 EUR."}
        assert first["choices"][0]["finish_reason"] == "stop"
        streamed = (await api.post("/chat/completions", json=asked | {"stream": True})).text
        assert "Espresso costs" in streamed
        assert streamed.endswith("data: [DONE]\n\n")
        assert (await api.get("/models")).json()["data"][0]["id"] == "sandbox-1"
        assert (await api.post("/chat/completions", json={})).status_code == 400
    assert [one["question"] for one in fake.prompts] == ["Price of an espresso?"] * 2
    assert "Latte" in fake.prompts[0]["context"]
