"""What counts as staying on this machine."""

from __future__ import annotations

import pytest

from temoctl.systemdata.loopback import is_loopback

HERE = [
    "http://127.0.0.1:5678",
    "https://localhost/api",
    "http://LOCALHOST.:1",
    "http://[::1]:5678/x",
    "http://127.8.9.10",
    "postgresql://u:p@127.0.0.1:5432/db",
    "postgresql://u:p%40x@localhost/db",
    "postgresql://u:p@127.0.0.1:1,[::1]:2/db",
    "postgresql:///db",
    "postgresql:///db?host=/run/postgresql",
    "postgresql://%2Frun%2Fpostgresql/db",
    "postgres://@/db?host=localhost&hostaddr=127.0.0.1",
    "host=127.0.0.1 port=5432 dbname=x",
    "host='/var/run/x' dbname=x",
    "dbname=x user=y",
]
ELSEWHERE = [
    "https://n8n.example.com",
    "http://10.0.0.1",
    "http://0.0.0.0:5678",
    "http://localhost.example.com",
    "http://127.0.0.1@example.com/",
    "http://example.com?host=127.0.0.1",
    "http://",
    "postgresql://u:p@db.example.com/db",
    "postgresql://u:p@127.0.0.1,db.example.com/db",
    "postgresql:///db?host=db.example.com",
    "postgresql://localhost/db?hostaddr=10.0.0.1",
    "host=db.example.com dbname=x",
    "host = 'localhost,db.example.com'",
    "host=127.0.0.1 hostaddr=10.1.1.1",
]


@pytest.mark.parametrize("address", HERE)
def test_here(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ELSEWHERE)
def test_elsewhere(address: str) -> None:
    assert not is_loopback(address)
