"""Knowledge tables in memory: versions of files, uploads, what is loaded again and what isn't."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from temoctl.engine.protocol import Verb
from temoctl.model.errors import Conflict, Problems
from temoctl.model.resource import Presence
from temoctl.sheets import file_digest
from tests.systems.supabase.acts import Acts
from tests.systems.supabase.rigs import FakeRig, fake_rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    made = await fake_rig()
    await Acts(made).make_base()
    yield made
    await made.close()


def rows(rig: FakeRig, acts: Acts) -> list[tuple[object, ...]]:
    table = rig.knowledge.inner.schemas[acts.schema].tables["products_menu"]
    return list(table.rows)


async def test_rows_arrive_typed_and_numbered(rig: FakeRig, tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    text = 'sku;Цена;Есть;С;n\n007;"1 234,50";да;01.02.2026;5\n008;;нет;;\n'
    (tmp_path / "kb" / "menu.csv").write_bytes(text.encode("cp1251"))
    acts = Acts(rig)
    props = {**acts.table_props(), "digest": file_digest(tmp_path / "kb" / "menu.csv")}
    outcome = await acts.do(Verb.CREATE, "table", "products-menu", props, root=str(tmp_path))
    assert rows(rig, acts) == [
        (1, "007", Decimal("1234.50"), True, datetime.date(2026, 2, 1), 5),
        (2, "008", None, False, None, None),
    ]
    assert outcome.outputs["columns"] == [
        {"name": "sku", "title": "sku", "type": "text"},
        {"name": "tsena", "title": "Цена", "type": "decimal"},
        {"name": "est", "title": "Есть", "type": "boolean"},
        {"name": "s", "title": "С", "type": "date"},
        {"name": "n", "title": "n", "type": "integer"},
    ]
    assert outcome.outputs["rows"] == 2


async def test_a_file_that_changed_since_the_plan_is_not_loaded(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    await acts.make_table()
    before = await acts.see("table")
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "menu.csv").write_text("a\n1\n")
    with pytest.raises(Conflict) as caught:
        await acts.do(Verb.UPDATE, "table", "products-menu", acts.table_props(), root=str(tmp_path), changes=["digest"])
    assert caught.value.code == "TEMO717"
    assert await acts.see("table") == before


async def test_a_file_that_changes_while_it_is_loaded_leaves_the_old_table(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    (tmp_path / "kb").mkdir()
    file = tmp_path / "kb" / "menu.csv"
    file.write_text("a\n1\n2\n")
    props = {**acts.table_props(), "digest": file_digest(file)}

    load = rig.knowledge.inner.load_table

    async def late(asked: object, permit: object) -> int:
        file.write_text("a\n1\n3\n")
        return int(await load(asked, permit))

    rig.knowledge.inner.load_table = late
    with pytest.raises(Conflict):
        await acts.do(Verb.CREATE, "table", "products-menu", props, root=str(tmp_path))
    assert (await acts.see("table")).presence is Presence.ABSENT


async def test_a_broken_file_names_every_cell_and_loads_nothing(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    (tmp_path / "kb").mkdir()
    file = tmp_path / "kb" / "menu.csv"
    file.write_text("a,b\n1\n2,3,4\n5,6\n")
    props = {**acts.table_props(), "digest": file_digest(file)}
    with pytest.raises(Problems) as caught:
        await acts.do(Verb.CREATE, "table", "products-menu", props, root=str(tmp_path))
    assert [(one.code, str(one.where)) for one in caught.value.diagnostics] == [
        ("TEMO309", "kb/menu.csv:2:2"),
        ("TEMO309", "kb/menu.csv:3:3"),
    ]
    assert (await acts.see("table")).presence is Presence.ABSENT


async def test_a_new_title_costs_no_load(rig: FakeRig, tmp_path: Path) -> None:
    acts = Acts(rig)
    await acts.make_table()
    props = acts.table_props(title="Speisekarte")
    changes = ["title"]
    await acts.do(Verb.UPDATE, "table", "products-menu", props, root=str(tmp_path), changes=changes)  # no file is there
    seen = await acts.see("table")
    assert seen.props["title"] == "Speisekarte"
    assert seen.outputs["rows"] == 2


async def test_new_reading_options_load_again(rig: FakeRig) -> None:
    acts = Acts(rig)
    await acts.make_table()
    props = acts.table_props(options={"columns": {"tsena": "text"}})
    await acts.do(Verb.UPDATE, "table", "products-menu", props, changes=["options.columns"])
    assert rows(rig, acts)[0][3] == "1 234,50"
    assert (await acts.see("table")).props["options"] == {"columns": {"tsena": "text"}}


async def test_an_uploaded_base_starts_empty_and_is_never_overwritten(rig: FakeRig) -> None:
    acts = Acts(rig)
    props = {key: value for key, value in acts.table_props().items() if key not in ("file", "digest")}
    outcome = await acts.do(Verb.CREATE, "table", "products-menu", props)
    assert outcome.outputs["rows"] == 0
    await acts.make_table()  # somebody uploads
    rig.knowledge.inner.schemas[acts.schema].tables["products_menu"].updated = 7
    target = acts.target("table", "products-menu", props)
    seen = await rig.system.read(target)
    assert seen.props["structure"] == "as loaded", "rows of an upload may be edited"
    assert "digest" not in seen.props
    await acts.do(Verb.UPDATE, "table", "products-menu", {**props, "title": "New"}, changes=["title", "structure"])
    assert len(rows(rig, acts)) == 2
