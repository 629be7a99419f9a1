"""Every kind of channel validates, by its own name and under another one, and says what is wrong with it."""

from __future__ import annotations

import pytest

from temoctl.spec.channels import KINDS
from temoctl.spec.tenant_file import parse_tenant
from tests.spec.conftest import GOOD

CHANNELS = {
    "telegram": "telegram: {token: {secret: telegram/token}, name: Bot}",
    "whatsapp": "whatsapp: {phone: +49 30 1234567, pairing: code, answer_groups: true}",
    "instagram": "instagram: {account: acme.cafe, ice_breakers: [Open today?]}",
    "instagram-comments": "instagram-comments: {account: acme.cafe, login: facebook, page_id: '1234567', reply: both}",
    "facebook": "facebook: {page_id: '1234567', greeting: Hello, comments: true}",
    "gmail": "gmail: {address: hello@acme.example, access: send}",
    "website": "website: {origins: [https://acme.example], color: '#1a2b3c', position: left}",
    "tiktok": "tiktok: {whatsapp: sales, links: [{name: bio, text: I saw you on TikTok}]}",
}
EMPTY = GOOD.replace("  telegram:\n" + GOOD.split("  telegram:\n")[1].split("\nknowledge_base")[0], "")
SALES = "  sales: {kind: whatsapp, phone: +49 30 1234567}\n"


def with_channels(*lines: str) -> str:
    return EMPTY.replace("channels:\n", "channels:\n" + "".join(f"  {line}\n" for line in lines))


@pytest.mark.parametrize("kind", KINDS)
def test_by_its_own_name_and_by_another(kind: str) -> None:
    first = CHANNELS[kind]
    second = first.replace(f"{kind}: {{", f"second: {{kind: {kind}, ", 1)
    spec, problems = parse_tenant(with_channels(first, second).replace("channels:\n", "channels:\n" + SALES))
    assert [(one.code, one.summary) for one in problems] == []
    assert spec is not None
    assert list(spec.channels) == ["sales", kind, "second"]
    assert spec.channels[kind] == spec.channels["second"]
    assert spec.channels[kind].kind == kind


@pytest.mark.parametrize(
    ("line", "code", "at"),
    [
        ("whatsapp: {phone: 030 123}", "TEMO234", "030 123"),
        ("whatsapp: {}", "TEMO202", "whatsapp"),
        ("whatsapp:", "TEMO202", "whatsapp"),
        ("whatsapp: {phone: +49 30 1234567, pairing: sms}", "TEMO225", "sms"),
        ("instagram: {account: Acme Cafe}", "TEMO236", "Acme Cafe"),
        ("instagram: {account: acme, login: facebook}", "TEMO202", "{account"),
        ("instagram-comments: {account: acme, reply: all}", "TEMO225", "all"),
        ("facebook: {page_id: 1234567}", "TEMO222", "1234567"),
        ("facebook: {page_id: acme}", "TEMO236", "acme"),
        ("gmail: {address: acme}", "TEMO234", "acme"),
        ("gmail: {address: a@b.example, access: read}", "TEMO225", "read"),
        ("website: {origins: []}", "TEMO223", "[]"),
        ("website: {origins: [acme.example]}", "TEMO234", "acme.example"),
        ("website: {origins: https://acme.example}", "TEMO220", "https"),
        ("website: {origins: [https://a.example], color: red}", "TEMO236", "red"),
        ("tiktok: {links: [{name: bio, text: hi}]}", "TEMO225", "{links"),
        ("tiktok: {whatsapp: none, links: [{name: bio, text: hi}]}", "TEMO225", "none"),
        ("tiktok: {whatsapp: none, links: [{name: Bio Link, text: hi}]}", "TEMO236", "Bio Link"),
        ("telegram: soon", "TEMO220", "soon"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(line: str, code: str, at: str) -> None:
    text = with_channels(line)
    spec, problems = parse_tenant(text)
    assert spec is None
    first = problems[0]
    assert first.where is not None
    assert first.code == code
    assert text.split("\n")[first.where.line - 1][first.where.column - 1 :].startswith(at)


def test_a_tenant_needs_no_channel() -> None:
    spec, problems = parse_tenant(EMPTY.replace("channels:\n", ""))
    assert problems == []
    assert spec is not None
    assert spec.channels == {}


def test_telegram_takes_a_hundred_commands_and_no_more() -> None:
    commands = "".join(f"      - {{command: c{n}, description: d}}\n" for n in range(101))
    text = with_channels("telegram:\n    token: {secret: a/b}\n    commands:\n" + commands.rstrip("\n"))
    assert [one.code for one in parse_tenant(text)[1]] == ["TEMO223"]
    assert parse_tenant(text.replace("      - {command: c100, description: d}\n", ""))[1] == []
