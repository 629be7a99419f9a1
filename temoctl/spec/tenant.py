"""The model of a tenant's spec: what one file in `tenant_specs/` may say. Must not read files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, Strict, model_validator
from pydantic_core import PydanticCustomError

from temoctl.model.diagnostic import Where
from temoctl.model.slug import slug
from temoctl.model.value import Json, digest
from temoctl.spec.channels import Channel, TiktokChannel, WhatsappChannel
from temoctl.spec.fields import (
    TENANT_ID,
    ChannelName,
    Count,
    Country,
    Currency,
    Email,
    Flag,
    Language,
    Line,
    Phone,
    PlanId,
    Prose,
    Short,
    SpecModel,
    TimeZone,
    patterned,
    wrong,
)
from temoctl.spec.positions import Positions, readable
from temoctl.spec.tokens import shown

RESERVED_IDS = ("platform", "plans")
Group = Literal["products", "services"]
GROUPS: tuple[Group, ...] = ("products", "services")


def _tenant_id(text: str) -> str:
    if text in RESERVED_IDS:
        raise wrong(
            "TEMO229", f"`{text}` can't be the id of a tenant: temoctl uses it itself", fix="Choose another id."
        )
    return patterned(TENANT_ID, "an id (2 to 31 of a-z, 0-9 and -, a letter first)", code="TEMO226")(text)


def _named_channels(value: Any) -> Any:
    """`kind` defaults to the channel's name; a channel without settings is an empty mapping, not nothing."""
    if not isinstance(value, dict):
        return value
    filled: dict[Any, Any] = {}
    for name, settings in value.items():
        given = {} if settings is None else settings
        filled[name] = given
        if isinstance(given, dict) and given.get("kind") is None:
            filled[name] = {**given, "kind": name}
    return filled


class Contact(SpecModel):
    """The client's owner: who clicks consent screens and scans QR codes."""

    name: Short
    email: Email
    phone: Phone | None = None


class Company(SpecModel):
    name: Short
    country: Country = Field(description="Two letters of ISO 3166, like DE.")
    currency: Currency = Field(description="Three letters of ISO 4217, like EUR.")
    language: Language = Field(description="The language answers are written in, like ru or pt-BR.")
    time_zone: TimeZone = Field(description="Like Europe/Berlin.")
    contact: Contact


class Faq(SpecModel):
    question: Line
    answer: Annotated[str, Strict(), Field(min_length=1, max_length=4000)]


class Business(SpecModel):
    """What the answers are made from, beside the knowledge base."""

    niche: Line
    offer: Prose
    prices: Prose | None = Field(
        default=None, description="How prices are talked about; single prices stand in the tables."
    )
    faq: Annotated[tuple[Faq, ...], Field(max_length=200)] = ()
    tone: Line = "friendly and brief"


ColumnType = Literal["text", "integer", "decimal", "boolean", "date", "timestamp"]


class Base(SpecModel):
    """One table of the knowledge base. `file` is relative to the spec's folder; once loaded, to the project's root."""

    name: Short
    source: Literal["file", "upload"] = Field(
        default="file", description="file: the file here is the truth; upload: the last uploaded version is."
    )
    file: Annotated[str, Strict(), Field(min_length=1, max_length=300)] | None = None
    sheet: Short | None = Field(
        default=None, description="Sheet of an XLSX file; needed when several sheets hold data."
    )
    encoding: Literal["utf-8", "utf-16", "cp1251"] | None = None
    delimiter: Literal[",", ";", "\t", "tab"] | None = None
    header: Flag | None = Field(default=None, description="Whether the first row holds the names of the columns.")
    columns: dict[Short, ColumnType] = Field(
        default_factory=dict, description="Column -> type, where the guess would be wrong."
    )

    @property
    def slug(self) -> str:
        """The name's part of addresses; unique within a group."""
        return slug(self.name)

    @property
    def options(self) -> dict[str, Json]:
        """How the file is to be read, only what the spec says: the `options` of `temoctl.sheets`."""
        said = {"sheet": self.sheet, "encoding": self.encoding, "header": self.header, "columns": dict(self.columns)}
        delimiter = "\t" if self.delimiter == "tab" else self.delimiter
        return {key: value for key, value in {**said, "delimiter": delimiter}.items() if value not in (None, {})}

    @model_validator(mode="after")
    def _fits_source(self) -> Base:
        if not self.slug:
            raise wrong("TEMO237", "the name has no letter or digit to make a table name of", fix="Add a word to it.")
        if self.source == "file" and self.file is None:
            raise wrong("TEMO240", "`file` is missing", fix="Name the CSV or XLSX file, or say source: upload.")
        if self.source == "upload" and self.file is not None:
            raise wrong("TEMO240", "source: upload takes no `file`", fix="Remove `file`, or say source: file.")
        return self


class KnowledgeBase(SpecModel):
    products: Annotated[tuple[Base, ...], Field(max_length=100)] = ()
    services: Annotated[tuple[Base, ...], Field(max_length=100)] = ()

    def each(self) -> Iterator[tuple[Group, int, Base]]:
        """Group, index and base, in the order of the file."""
        for group in GROUPS:
            for index, base in enumerate(getattr(self, group)):
                yield group, index, base


class Retention(SpecModel):
    history_days: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="How long chats are kept; the plan's limit when left out."
    )
    archive: Flag = Field(
        default=False, description="true: chats are put into the file store before they expire, and stay there."
    )


class TenantSpec(SpecModel):
    """Everything people say about one tenant."""

    id: Annotated[
        str,
        Strict(),
        AfterValidator(_tenant_id),
        Field(description="Readable id, never reused.", json_schema_extra={"pattern": f"^{TENANT_ID}$"}),
    ]
    company: Company
    business: Business
    plan: PlanId = Field(description="Name of a plan in plans/, like START.")
    manager: Annotated[str, Strict(), Field(min_length=1, max_length=100)] | None = None
    channels: Annotated[dict[ChannelName, Channel], BeforeValidator(_named_channels), Field(max_length=50)] = Field(
        default_factory=dict
    )
    knowledge_base: KnowledgeBase = KnowledgeBase()
    retention: Retention = Retention()
    protect: Flag = Field(default=False, description="true: nothing of this tenant is deleted until it is unprotected.")

    _positions: Positions = PrivateAttr(default_factory=lambda: Positions(""))

    @property
    def positions(self) -> Positions:
        return self._positions

    def where(self, path: str) -> Where:
        """The place of a value in the file (`channels.telegram.token`), or of its nearest parent."""
        return self._positions.value(path)

    def where_key(self, path: str) -> Where:
        """The place of a key in the file, or of its nearest parent."""
        return self._positions.key(path)

    @property
    def digest(self) -> str:
        """SHA-256 of the meaning: the order of keys, comments and layout don't change it."""
        return digest(self.model_dump(mode="json"))


Problem = tuple[tuple[str | int, ...], PydanticCustomError]
"""A path and what is wrong there."""


def same_names(bases: KnowledgeBase) -> Iterator[Problem]:
    """Bases of one group whose tables would have one name."""
    for group in GROUPS:
        seen: dict[str, int] = {}
        for index, base in enumerate(getattr(bases, group)):
            first = seen.setdefault(base.slug, index)
            if first != index:
                other = readable(("knowledge_base", group, str(first)))
                yield (
                    ("knowledge_base", group, index, "name"),
                    wrong(
                        "TEMO237",
                        f"two bases of {group} would share the table name `{base.slug}`",
                        span=f"same as {other}",
                        fix="Give one of them another name.",
                    ),
                )


def cross_checks(spec: TenantSpec) -> Iterator[Problem]:
    """What no field can see alone; all of it."""
    yield from same_names(spec.knowledge_base)
    whatsapps = [name for name, one in spec.channels.items() if isinstance(one, WhatsappChannel)]
    for name, channel in spec.channels.items():
        if isinstance(channel, TiktokChannel) and channel.whatsapp not in whatsapps:
            yield (
                ("channels", name, "whatsapp"),
                wrong(
                    "TEMO225",
                    f"`{shown(channel.whatsapp)}` is not a WhatsApp channel of this tenant",
                    fix="The links need a WhatsApp number to open: add that channel, or name the right one.",
                    allowed=whatsapps,
                ),
            )
