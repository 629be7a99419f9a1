"""What can be said about each kind of channel. Validates; must not know how a channel is built.

A new kind of channel is one model here and its name in `Channel`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict, model_validator

from temoctl.spec.fields import ChannelName, Count, Email, Flag, Line, Phone, Short, SpecModel, Url, patterned, wrong
from temoctl.spec.secret_source import TenantSecret

_COMMAND = r"[a-z0-9_]{1,32}"
_PAGE = r"\d{5,25}"
_ACCOUNT = r"@?[a-z0-9._]{1,30}"
_LINK = r"[a-z0-9][a-z0-9-]{0,39}"

CommandName = Annotated[
    str,
    Strict(),
    AfterValidator(patterned(_COMMAND, "a command name (1-32 of a-z, 0-9 and _)")),
    Field(json_schema_extra={"pattern": f"^{_COMMAND}$"}),
]
PageId = Annotated[
    str,
    Strict(),
    AfterValidator(patterned(_PAGE, "a Facebook page id (digits, in quotes)")),
    Field(json_schema_extra={"pattern": f"^{_PAGE}$"}),
]
Account = Annotated[
    str,
    Strict(),
    AfterValidator(patterned(_ACCOUNT, "an Instagram account name")),
    Field(json_schema_extra={"pattern": f"^{_ACCOUNT}$"}),
]
Color = Annotated[
    str,
    Strict(),
    AfterValidator(patterned(r"#[0-9a-fA-F]{6}", "a colour like #1a2b3c")),
    Field(json_schema_extra={"pattern": "^#[0-9a-fA-F]{6}$"}),
]
LinkName = Annotated[
    str,
    Strict(),
    AfterValidator(patterned(_LINK, "a link name (a-z, 0-9 and -)")),
    Field(json_schema_extra={"pattern": f"^{_LINK}$"}),
]


class Command(SpecModel):
    """One entry of a bot's menu."""

    command: CommandName = Field(description="Without the slash: menu, not /menu.")
    description: Annotated[str, Strict(), Field(min_length=1, max_length=256)]


class TelegramChannel(SpecModel):
    """A Telegram bot that answers customers. Texts that are left out stay as they are at Telegram."""

    kind: Literal["telegram"] = "telegram"
    token: TenantSecret = Field(description="The bot's token from @BotFather, as a reference.")
    name: Annotated[str, Strict(), Field(min_length=1, max_length=64)] | None = None
    description: Annotated[str, Strict(), Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="Shown in an empty chat with the bot."
    )
    short_description: Annotated[str, Strict(), Field(min_length=1, max_length=120)] | None = Field(
        default=None, description="Shown on the bot's profile page."
    )
    commands: Annotated[tuple[Command, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _commands_once(self) -> TelegramChannel:
        names = [one.command for one in self.commands]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise wrong("TEMO236", f"a command stands twice in the menu: {', '.join(twice)}", fix="Remove one of them.")
        return self


class WhatsappChannel(SpecModel):
    """A WhatsApp number, linked by a QR code or a pairing code."""

    kind: Literal["whatsapp"] = "whatsapp"
    phone: Phone = Field(description="The number that answers, with its country code.")
    pairing: Literal["qr", "code"] = "qr"
    answer_groups: Flag = Field(default=False, description="Answer in group chats too.")


class _MetaAccount(SpecModel):
    """What Instagram channels share: the account and which login leads to it."""

    account: Account
    login: Literal["instagram", "facebook"] = "instagram"
    page_id: PageId | None = Field(default=None, description="The linked Facebook page; needed with login: facebook.")

    @model_validator(mode="after")
    def _page_for_facebook(self) -> _MetaAccount:
        if self.login == "facebook" and self.page_id is None:
            raise wrong("TEMO202", "`page_id` is missing", fix="login: facebook goes through the linked page: name it.")
        return self


class InstagramChannel(_MetaAccount):
    """Direct messages of an Instagram business account."""

    kind: Literal["instagram"] = "instagram"
    ice_breakers: Annotated[
        tuple[Annotated[str, Strict(), Field(min_length=1, max_length=80)], ...], Field(max_length=4)
    ] = ()


class InstagramCommentsChannel(_MetaAccount):
    """Comments under the posts of an Instagram account."""

    kind: Literal["instagram-comments"] = "instagram-comments"
    reply: Literal["public", "private", "both"] = Field(default="private", description="Where a comment is answered.")
    keywords: Annotated[tuple[Short, ...], Field(max_length=50)] = Field(
        default=(), description="Answer only comments with one of these words; none: all."
    )


class FacebookChannel(SpecModel):
    """Messages to a Facebook page, and on wish the comments under its posts."""

    kind: Literal["facebook"] = "facebook"
    page_id: PageId
    greeting: Annotated[str, Strict(), Field(min_length=1, max_length=160)] | None = None
    ice_breakers: Annotated[
        tuple[Annotated[str, Strict(), Field(min_length=1, max_length=80)], ...], Field(max_length=4)
    ] = ()
    comments: Flag = Field(default=False, description="Answer comments too (needs a plan with comment_replies).")


class GmailChannel(SpecModel):
    """A Gmail mailbox."""

    kind: Literal["gmail"] = "gmail"
    address: Email
    access: Literal["send", "modify"] = Field(
        default="modify", description="send: may only send; modify: reads and answers."
    )
    signature: Line | None = None


class WebsiteChannel(SpecModel):
    """A chat window on the tenant's website."""

    kind: Literal["website"] = "website"
    origins: Annotated[tuple[Url, ...], Field(min_length=1, max_length=20)] = Field(
        description="Addresses of the sites that may show the chat."
    )
    title: Short | None = None
    greeting: Line | None = None
    color: Color | None = None
    position: Literal["left", "right"] = "right"


class TrackedLink(SpecModel):
    """One tracked link from TikTok to WhatsApp."""

    name: LinkName
    text: Annotated[str, Strict(), Field(min_length=1, max_length=500)] = Field(
        description="What stands in the message field when the chat opens."
    )


class TiktokChannel(SpecModel):
    """Links from TikTok that open a WhatsApp chat, so that leads can be told apart."""

    kind: Literal["tiktok"] = "tiktok"
    whatsapp: ChannelName = Field(
        default="whatsapp", description="The WhatsApp channel of this tenant that the links open."
    )
    links: Annotated[tuple[TrackedLink, ...], Field(min_length=1, max_length=100)]
    pixel: Short | None = Field(default=None, description="Pixel code, when leads are reported back to TikTok.")
    access_token: TenantSecret | None = None
    keep_clicks_days: Count = 90


Channel = Annotated[
    TelegramChannel
    | WhatsappChannel
    | InstagramChannel
    | InstagramCommentsChannel
    | FacebookChannel
    | GmailChannel
    | WebsiteChannel
    | TiktokChannel,
    Field(discriminator="kind"),
]
AnyChannel = (
    TelegramChannel
    | WhatsappChannel
    | InstagramChannel
    | InstagramCommentsChannel
    | FacebookChannel
    | GmailChannel
    | WebsiteChannel
    | TiktokChannel
)

KINDS = ("telegram", "whatsapp", "instagram", "instagram-comments", "facebook", "gmail", "website", "tiktok")
"""All kinds of channels, in the order they are told to people."""


def answers_comments(channel: AnyChannel) -> bool:
    """True for channels that need a plan with comment replies."""
    return isinstance(channel, InstagramCommentsChannel) or (isinstance(channel, FacebookChannel) and channel.comments)
