"""The small types that specs are made of: texts, ids, codes, places. Must not know which spec uses them.

A check that fails raises `wrong(...)`: it carries our own code and words through pydantic, whose own wording never
reaches a person (see `spec.translate`).
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from temoctl.model.slug import slug
from temoctl.spec.confusables import plain_ascii
from temoctl.spec.iso import COUNTRIES, CURRENCIES, LANGUAGES
from temoctl.spec.suggest import closest
from temoctl.spec.tokens import shown


def wrong(
    code: str, summary: str, *, span: str = "", fix: str = "", suggestion: str = "", allowed: Iterable[str] = ()
) -> PydanticCustomError:
    """An error with our own code and words, to be raised inside a validator."""
    told = {"summary": summary, "span": span, "fix": fix, "suggestion": suggestion, "allowed": tuple(allowed)}
    return PydanticCustomError(code, "{summary}", told)


class SpecModel(BaseModel):
    """Base of all spec models: frozen, no unknown keys, and a key without a value counts as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(item is None for item in value.values()):
            return {key: item for key, item in value.items() if item is not None or key not in cls.model_fields}
        return value


def patterned(pattern: str, what: str, *, code: str = "TEMO236", allowed: tuple[str, ...] = ()) -> Callable[[str], str]:
    """A check of a text against a pattern; look-alike letters of other alphabets get their own code."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text):
            return text
        latin = plain_ascii(text)
        fits = latin if latin != text and compiled.fullmatch(latin) else ""
        if fits:
            raise wrong(
                "TEMO227",
                f"{what} has letters that only look like a-z",
                span="letters of another alphabet",
                suggestion=fits,
                fix="Type it again on a Latin keyboard.",
            )
        plain = slug(text)
        suggestion = plain if compiled.fullmatch(plain) else ""
        raise wrong(code, f"not {what}: {shown(text)}", suggestion=suggestion, allowed=allowed)

    return check


def _country(text: str) -> str:
    if text in COUNTRIES:
        return text
    by_name = {name.lower(): code for code, name in COUNTRIES.items()} | {"uk": "GB", "england": "GB", "el": "GR"}
    found = text.upper() if text.upper() in COUNTRIES else by_name.get(text.lower(), "")
    if not found and len(text) > 3:
        found = by_name.get(closest(text.lower(), by_name), "")
    raise wrong(
        "TEMO230", f"not a country: {shown(text)}", suggestion=found, fix="Use the two letters of ISO 3166, like DE."
    )


def _currency(text: str) -> str:
    if text in CURRENCIES:
        return text
    upper = text.upper()
    raise wrong(
        "TEMO231",
        f"not a currency: {shown(text)}",
        suggestion=upper if upper in CURRENCIES else closest(upper, CURRENCIES),
        fix="Use the three letters of ISO 4217, like EUR.",
    )


_LANGUAGE = re.compile(r"([a-z]{2,3})(-[A-Z][a-z]{3})?(-(?:[A-Z]{2}|\d{3}))?")


def _language(text: str) -> str:
    found = _LANGUAGE.fullmatch(text)
    if found and (len(found[1]) == 3 or found[1] in LANGUAGES):
        return text
    parts = text.replace("_", "-").split("-")
    better = "-".join([parts[0].lower(), *(part.upper() if len(part) == 2 else part.title() for part in parts[1:])])
    known = _LANGUAGE.fullmatch(better)
    raise wrong(
        "TEMO232",
        f"not a language: {shown(text)}",
        suggestion=better if known and known[1] in LANGUAGES else "",
        fix="Use a language tag like ru, de or pt-BR.",
    )


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@lru_cache(maxsize=512)
def _known_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _time_zone(text: str) -> str:
    if _known_zone(text):
        return text
    by_city = {name.rsplit("/", 1)[-1].lower(): name for name in sorted(_zones())}
    asked = text.replace(" ", "_").rsplit("/", 1)[-1].lower()
    suggestion = by_city.get(asked) or closest(text, _zones()) or by_city.get(closest(asked, by_city), "")
    raise wrong(
        "TEMO233", f"not a time zone: {shown(text)}", suggestion=suggestion, fix="Use a name like Europe/Berlin."
    )


def _email(text: str) -> str:
    if re.fullmatch(r"[^@\s,;<>]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text):
        return text
    raise wrong("TEMO234", f"not an e-mail address: {shown(text)}", fix="Write it like name@example.com.")


def _phone(text: str) -> str:
    digits = re.sub(r"[ ()./-]", "", text)
    if re.fullmatch(r"\+[1-9]\d{6,14}", digits):
        return digits
    raise wrong(
        "TEMO234", f"not a phone number: {shown(text)}", fix="Write it with the country code, like +49 30 1234567."
    )


def _url(text: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9.\-_\[\]:]+(?:/\S*)?", text):
        return text
    raise wrong("TEMO234", f"not a web address: {shown(text)}", fix="Write it in full, like https://example.com.")


def _flag(value: Any) -> Any:
    words = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
    if isinstance(value, str) and value.lower() in words:
        meant = words[value.lower()]
        raise wrong(
            "TEMO221", f"`{value}` is a text here, not a yes or no", suggestion=meant, allowed=("true", "false")
        )
    return value


def _schema(**extra: Any) -> Any:
    return Field(json_schema_extra=extra)


Flag = Annotated[bool, Strict(), BeforeValidator(_flag)]
Count = Annotated[int, Strict(), Field(ge=0, le=1_000_000_000)]
Short = Annotated[str, Strict(), Field(min_length=1, max_length=100)]
Line = Annotated[str, Strict(), Field(min_length=1, max_length=500)]
Prose = Annotated[str, Strict(), Field(min_length=1, max_length=10_000)]

TENANT_ID = r"[a-z][a-z0-9-]{1,30}"
CHANNEL_NAME = r"[a-z][a-z0-9-]{0,19}"
PLAN_ID = r"[A-Z][A-Z0-9_-]{1,30}"

Country = Annotated[str, Strict(), AfterValidator(_country), _schema(pattern="^[A-Z]{2}$")]
Currency = Annotated[str, Strict(), AfterValidator(_currency), _schema(pattern="^[A-Z]{3}$")]
Language = Annotated[str, Strict(), AfterValidator(_language), _schema(pattern=f"^{_LANGUAGE.pattern}$")]
TimeZone = Annotated[str, Strict(), AfterValidator(_time_zone), _schema(examples=["Europe/Berlin"])]
Email = Annotated[str, Strict(), AfterValidator(_email), _schema(format="email")]
Phone = Annotated[str, Strict(), AfterValidator(_phone), _schema(examples=["+49 30 1234567"])]
Url = Annotated[str, Strict(), AfterValidator(_url), _schema(format="uri")]
PlanId = Annotated[
    str, Strict(), AfterValidator(patterned(PLAN_ID, "the name of a plan")), _schema(pattern=f"^{PLAN_ID}$")
]
ChannelName = Annotated[
    str,
    Strict(),
    AfterValidator(
        patterned(CHANNEL_NAME, "a channel name", code="TEMO235", allowed=("[a-z][a-z0-9-], at most 20 characters",))
    ),
]
