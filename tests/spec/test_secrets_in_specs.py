"""Secrets written into a spec: always found, never repeated in anything that is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from temoctl.model.diagnostic import Diagnostic
from temoctl.spec.project import Project
from temoctl.spec.tenant_file import parse_tenant
from temoctl.spec.tokens import mask, search
from tests.spec.conftest import GOOD

BODY = "q7Xk2mVb9TzR4wLp8NdY3sHc6JfG1aEu5oQi"
TOKENS = {
    "telegram": "123456789" + ":" + "AA" + BODY[:33],
    "stripe": "sk_" + "live_" + BODY,
    "openai": "sk-" + "proj-" + BODY,
    "supabase": "sb_" + "secret_" + BODY,
    "jwt": "eyJ" + BODY + "." + BODY + "." + BODY,
    "meta": "EAA" + BODY,
    "google": "AIza" + BODY,
    "slack": "xox" + "b-" + BODY,
    "github": "ghp" + "_" + BODY,
    "aws": "AKIA" + BODY.upper()[:16],
    "dsn": "postgres" + "://temo:" + BODY + "@db.example/temo",
}
PLACES = {
    "as the token": ("{secret: telegram/token}", "{token}"),
    "quoted": ("{secret: telegram/token}", '"{token}"'),
    "as the path": ("{secret: telegram/token}", "{{secret: {token}}}"),
    "in a text": ("warm and brief", "warm {token} and brief"),
    "in a comment": ("plan: START", "plan: START # was {token}"),
    "as an unknown key": ("retention:", "password: {token}\nretention:"),
    "as a key": ("retention:", "{token}x: 1\nretention:"),
    "in a list": ("{command: menu, description: What we serve and what it costs}", "[{token}]"),
    "as an id": ("id: aurora", "id: {token}"),
    "as a country": ("country: DE", "country: {token}"),
    "beside a colon": ("niche: ", "niche: the key: {token} "),
    "after an alias": ("niche: ", "niche: *{token} "),
    "in a tag": ("niche: ", "niche: !{token} "),
    "before a control character": ("niche: ", "niche: {token}\x07 "),
    "in an open quote": ("niche: ", "niche: 'the {token} "),
    "as a plan": ("plan: START", "plan: {token}"),
    "as a file": ("kb/aurora/menu.csv", "kb/{token}.csv"),
    "twice": ("plan: START", "{token}: 1\n{token}: 2\nplan: START"),
}


def told(problems: tuple[Diagnostic, ...]) -> str:
    return "\n".join(f"{one!r} {one.snippet}" for one in problems)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("token", TOKENS)
def test_found_and_never_repeated(load: Callable[..., Project], token: str, place: str) -> None:
    old, new = PLACES[place]
    text = GOOD.replace(old, new.replace("{token}", TOKENS[token]).replace("{{", "{").replace("}}", "}"), 1)
    assert text != GOOD
    project = load(text)
    assert "TEMO239" in [one.code for one in project.errors]
    assert project.tenants == {}
    secret = TOKENS[token]
    shown = told(project.diagnostics)
    assert secret not in shown
    assert BODY[:12] not in shown
    assert BODY[:12].upper() not in shown


@pytest.mark.parametrize("secret", ["hunter2", "correct horse battery staple", BODY, BODY.lower() * 2])
def test_any_text_in_place_of_a_reference_is_hidden(secret: str) -> None:
    spec, problems = parse_tenant(GOOD.replace("{secret: telegram/token}", secret))
    assert spec is None
    assert [one.code for one in problems] == ["TEMO239"]
    assert secret not in told(tuple(problems))


@pytest.mark.parametrize("key", ["password", "api_key", "bot_token", "client-secret", "dsn"])
def test_random_text_under_a_secret_sounding_key(key: str) -> None:
    _, problems = parse_tenant(f"{key}: {BODY}\n" + GOOD)
    assert {"TEMO239", "TEMO201"} <= {one.code for one in problems}
    assert BODY not in told(tuple(problems))


def test_the_place_is_told() -> None:
    _, problems = parse_tenant(GOOD.replace("warm and brief", f"warm {TOKENS['stripe']}"))
    found = next(one for one in problems if one.code == "TEMO239")
    assert found.where is not None
    assert found.snippet[found.where.column - 1 :].startswith("*" * found.where.length)
    assert found.where.length == len(TOKENS["stripe"])


@pytest.mark.parametrize(
    "text",
    [
        "Coffee, cakes and tables in Berlin.",
        "https://example.com/sk-products-and-more-products",
        "kb/aurora/menu.csv",
        "+49 30 5550 1234",
        "Our hours: 08:00-20:00, 7 days",
        "tokens and secrets: none here",
        "task-management-software-for-teams",
        "IBAN DE89 3704 0044 0532 0130 00",
    ],
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert list(search(text)) == []
    spec, problems = parse_tenant(GOOD.replace("warm and brief", f'"{text}"').replace(", first names", ""))
    assert problems == []
    assert spec is not None


def test_references_stay_readable() -> None:
    assert mask("    token: {secret: telegram/token}") == "    token: {secret: telegram/token}"
    assert mask("  dsn: {env: TEMOCTL_DSN}") == "  dsn: {env: TEMOCTL_DSN}"
