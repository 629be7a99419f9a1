"""The conformance kit on the stand-ins and, with the same samples, on a real PostgreSQL."""

from __future__ import annotations

import functools

import pytest

from temoctl.systems.supabase import plugin
from tests.conformance.kit import Conformance, MakeRig
from tests.systems.supabase.rigs import Databases, fake_rig, postgres_rig, storage_rig
from tests.systems.supabase.samples import SQL_SAMPLES, STORAGE_SAMPLES


class TestFakeSql(Conformance):
    samples = SQL_SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        return fake_rig


@pytest.mark.postgres
class TestPostgres(Conformance):
    samples = SQL_SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self, databases: Databases) -> MakeRig:
        return functools.partial(postgres_rig, databases)


class TestFakeStorage(Conformance):
    samples = STORAGE_SAMPLES
    kinds = plugin.kinds

    @pytest.fixture
    def make_rig(self) -> MakeRig:
        return storage_rig
