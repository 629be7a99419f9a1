"""Messages on the wire: OP_MSG both ways, and the OP_QUERY that old handshakes still open with. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HEADER = struct.Struct("<iiii")
_CHECKSUM, _MORE_TO_COME, _EXHAUST = 1, 2, 1 << 16
LARGEST_DOCUMENT = 16 * 1024 * 1024
LARGEST_MESSAGE = 48_000_000
OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(document_class=dict, tz_aware=False)


class Malformed(Exception):
    """Not a message: the connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class Message:
    """One command. `silent` when nobody waits for an answer; `old` when it came as OP_QUERY."""

    id: int
    command: dict[str, Any]
    silent: bool = False
    old: bool = False


def read(request_id: int, opcode: int, body: bytes) -> Message:
    """A request's body. Raises Malformed, also for opcodes that servers dropped with version 5.1."""
    try:
        match opcode:
            case 2013:
                return _read_msg(request_id, body)
            case 2004:
                return _read_query(request_id, body)
    except (struct.error, IndexError, ValueError, bson.errors.InvalidBSON) as error:
        raise Malformed(str(error)) from None
    raise Malformed(f"opcode {opcode} is not spoken here")


def _read_msg(request_id: int, body: bytes) -> Message:
    (flags,) = struct.unpack_from("<I", body, 0)
    if flags & 0xFFFF & ~(_CHECKSUM | _MORE_TO_COME):
        raise Malformed("an unknown flag is required")
    end = len(body) - (4 if flags & _CHECKSUM else 0)
    at, command, sequences = 4, None, {}
    while at < end:
        kind, at = body[at], at + 1
        (size,) = struct.unpack_from("<i", body, at)
        if size < 5 or at + size > end:
            raise Malformed("a section is longer than its message")
        part = body[at : at + size]
        if kind == 0:
            command = decode(part)
        elif kind == 1:
            name, _, documents = part[4:].partition(b"\0")
            sequences[name.decode()] = bson.decode_all(documents, OPTIONS)
        else:
            raise Malformed(f"unknown kind of section: {kind}")
        at += size
    if command is None:
        raise Malformed("no command in the message")
    return Message(request_id, {**command, **sequences}, silent=bool(flags & _MORE_TO_COME))


def _read_query(request_id: int, body: bytes) -> Message:
    end = body.index(b"\0", 4)
    namespace = body[4:end].decode()
    database, _, rest = namespace.partition(".")
    if rest != "$cmd":
        raise Malformed("OP_QUERY is for handshakes only")
    at = end + 1 + 8
    (size,) = struct.unpack_from("<i", body, at)
    command = decode(body[at : at + size])
    command = dict(command.get("$query") or command)
    return Message(request_id, {**command, "$db": database}, old=True)


def decode(part: bytes) -> dict[str, Any]:
    found: dict[str, Any] = bson.decode(part, OPTIONS)
    return found


def write(message: Message, answer: Mapping[str, Any], number: int) -> bytes:
    """The bytes of an answer."""
    document = bson.encode(answer)
    if message.old:
        body = struct.pack("<iqii", 8, 0, 0, 1) + document
        opcode = OP_REPLY
    else:
        body = struct.pack("<IB", 0, 0) + document
        opcode = OP_MSG
    return HEADER.pack(HEADER.size + len(body), number, message.id, opcode) + body
