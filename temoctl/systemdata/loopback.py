"""Whether a URL or a PostgreSQL DSN stays on this machine (DECISIONS 7). Looks at the text only; resolves no names."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qs, unquote, urlsplit


def is_loopback(address: str) -> bool:
    """True when every host an `http(s)://` URL, `postgresql://` URL or `key=value` DSN names is this machine.

    A DSN without a host means a local socket. A name other than `localhost` counts as elsewhere.
    """
    hosts = _url_hosts(address) if "://" in address else _keyword_hosts(address)
    return all(_is_here(host) for host in hosts)


def _url_hosts(address: str) -> list[str]:
    parts = urlsplit(address)
    asked = parse_qs(parts.query)
    named = [host for key in ("host", "hostaddr") for value in asked.get(key, []) for host in value.split(",")]
    place = parts.netloc.rpartition("@")[2]
    hosts = [re.sub(r":\d*$", "", one).strip("[]") for one in place.split(",")]
    if parts.scheme.startswith("postgres"):
        return [unquote(host) for host in (*hosts, *named) if host]
    return [unquote(host) for host in hosts]


def _keyword_hosts(address: str) -> list[str]:
    found = re.findall(r"\b(?:host|hostaddr)\s*=\s*(?:'([^']*)'|(\S+))", address)
    return [host for quoted, plain in found for host in (quoted or plain).split(",") if host]


def _is_here(host: str) -> bool:
    if host.startswith(("/", "@")) or host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
