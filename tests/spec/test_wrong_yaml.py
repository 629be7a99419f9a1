"""Files that are no good YAML: which code, where, and what is suggested. The same with and without the C parser."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from temoctl.spec import yaml_reader
from temoctl.spec.source import LARGEST, Source, decode, read_source
from temoctl.spec.yaml_reader import Document, read_document

WRONG = [
    # text, code, line, column, suggestion
    ("offer: Fresh coffee: best\n", "TEMO206", 1, 8, '"Fresh coffee: best"'),
    ('a: 1\noffer: the "best": here\n', "TEMO206", 2, 8, '"the \\"best\\": here"'),
    ("- question: Why: so\n", "TEMO206", 1, 13, '"Why: so"'),
    ("greeting: {{ name }}, hello\n", "TEMO207", 1, 12, ""),
    ("greeting: {name} hello\n", "TEMO207", 1, 11, ""),
    ("offer: [new] menu\nb: 1\n", "TEMO207", 1, 8, ""),
    ("tags: [a, b\nb: 3\n", "TEMO207", 1, 7, ""),
    ("company:\n\tname: A\n", "TEMO205", 2, 1, ""),
    ("company:\n  name: A\n  \tcountry: DE\n", "TEMO205", 3, 3, ""),
    ("account: @acme\n", "TEMO210", 1, 10, '"@acme"'),
    ("a: `code`\n", "TEMO210", 1, 4, '"`code`"'),
    ("a: % off\n", "TEMO210", 1, 4, '"% off"'),
    ("offer: * new\n", "TEMO210", 1, 8, '"* new"'),
    ("a: 'open\nb: 1\n", "TEMO209", 1, 4, ""),
    ("a: 'it's open'\n", "TEMO209", 1, 4, ""),
    ('a: "Acme" GmbH\n', "TEMO209", 1, 4, ""),
    ('a: "C:\\menu"\n', "TEMO209", 1, 7, ""),
    ("company:\n  name: A\n   country: DE\n", "TEMO208", 3, 1, ""),
    ("company:\n  name: A\n country: DE\n", "TEMO208", 3, 2, ""),
    ("name:Acme\nb: 1\n", "TEMO208", 1, 1, "name: Acme"),
    ("a: 1\nb\nc: 2\n", "TEMO208", 2, 1, ""),
    ("a: - b\n", "TEMO208", 1, 4, ""),
    ("a: 1\na: 2\n", "TEMO204", 2, 1, ""),
    ("a:\n  b: 1\n  c: 2\n  b: 3\n", "TEMO204", 4, 3, ""),
    ("a: *b\n", "TEMO211", 1, 4, ""),
    ("a: &b [*b]\n", "TEMO211", 1, 8, ""),
    ("b: &b {x: 1}\n<<: *b\n", "TEMO211", 2, 1, ""),
    ("a: !!python/object:os.system x\n", "TEMO219", 1, 4, ""),
    ("a: !new menu\n", "TEMO219", 1, 4, ""),
    ("a: 1\n---\nb: 2\n", "TEMO217", 2, 1, ""),
    ("- a\n", "TEMO218", 1, 1, ""),
    ("acme\n", "TEMO218", 1, 1, ""),
    ("", "TEMO216", 1, 1, ""),
    ("# nothing\n", "TEMO216", 1, 1, ""),
    ("---\n", "TEMO216", 1, 1, ""),
    ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n", "TEMO214", 2, 1, ""),
    ("a: b\x07\n", "TEMO215", 1, 5, ""),
    ("a: " + "[" * 25 + "]" * 25 + "\n", "TEMO213", 1, 23, ""),
]


@pytest.fixture(params=["C", "pure"])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    if request.param == "pure":
        monkeypatch.setattr(yaml_reader, "_Loader", yaml.SafeLoader)
    else:
        assert yaml.__with_libyaml__
    return lambda text: read_document(Source("spec.yaml", text))


@pytest.mark.parametrize(("text", "code", "line", "column", "suggestion"), WRONG)
def test_code_place_and_suggestion(read, text, code, line, column, suggestion) -> None:  # type: ignore[no-untyped-def]
    document: Document = read(text)
    first = document.problems[0]
    assert first.where is not None
    assert (first.code, first.where.line, first.where.column) == (code, line, column)
    assert first.suggestion == suggestion
    assert first.fix or first.suggestion
    assert first.snippet == "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text.split("\n")[line - 1])


def test_every_tabbed_line_is_named() -> None:
    problems = read_document(Source("spec.yaml", "a:\n\tb: 1\n\tc: 2\nd: 1\n")).problems
    assert [(one.code, one.where.line) for one in problems if one.where] == [("TEMO205", 2), ("TEMO205", 3)]


def test_duplicates_are_all_told_and_the_first_value_stays() -> None:
    document = read_document(Source("spec.yaml", "a: 1\nb: {c: 1, c: 2}\na: 3\n"))
    assert [one.code for one in document.problems] == ["TEMO204", "TEMO204"]
    assert document.problems[1].span == "first on line 1"
    assert document.value == {"a": 1, "b": {"c": 1}}


def test_words_and_numbers_keep_what_was_written(read) -> None:  # type: ignore[no-untyped-def]
    text = (
        "no: NO\nyes: yes\noff: off\nzip: 007\nhex: 0x1f\nexp: 1e3\ntime: 12:30\nday: 2026-11-22\nbig: 1_000\n"
        "phone: +49301234\nint: -12\nfloat: 29.90\ntrue: true\nnull: ~\nempty:\nlong: 12345678901234567890\n"
    )
    assert read(text).value == {
        "no": "NO",
        "yes": "yes",
        "off": "off",
        "zip": "007",
        "hex": "0x1f",
        "exp": "1e3",
        "time": "12:30",
        "day": "2026-11-22",
        "big": "1_000",
        "phone": "+49301234",
        "int": -12,
        "float": 29.9,
        "true": True,
        "null": None,
        "empty": None,
        "long": "12345678901234567890",
    }


def test_a_bomb_is_refused_before_it_grows(read) -> None:  # type: ignore[no-untyped-def]
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    document = read("\n".join(lines))
    assert [one.code for one in document.problems] == ["TEMO211"]
    assert document.value is None


def test_a_modest_alias_works_and_points_at_itself(read) -> None:  # type: ignore[no-untyped-def]
    document = read("a: &x {b: 1}\nc: *x\n")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.positions.value("c.b").line == 2


def test_positions_of_keys_values_and_parents(read) -> None:  # type: ignore[no-untyped-def]
    positions = read("a:\n  b: [x, {c: yz}]\n  d:\n").positions
    assert (positions.value("a.b.0").line, positions.value("a.b.0").column) == (2, 7)
    assert (positions.value("a.b[1].c").column, positions.value("a.b[1].c").length) == (14, 2)
    assert positions.key("a.b[1].c").column == 11
    assert positions.value("a.d").line == positions.key("a.d").line == 3
    assert positions.value("a.d.e.f") == positions.value("a.d")
    assert positions.value("nothing").line == 1


@pytest.mark.parametrize(
    ("raw", "code", "line", "column"),
    [
        ("name: Café\nb: 1\n".encode("cp1252"), "TEMO215", 1, 10),
        ("a: 1\nb: ж\n".encode("cp1251"), "TEMO215", 2, 4),
        ("a: 1\n".encode("utf-16"), "TEMO215", 1, 1),
        (b"a: " + b"x" * LARGEST, "TEMO212", 0, 0),
    ],
)
def test_bytes_that_are_no_text(raw: bytes, code: str, line: int, column: int) -> None:
    source, problems = decode(raw, "spec.yaml")
    assert source is None
    assert problems[0].where is not None
    assert (problems[0].code, problems[0].where.line, problems[0].where.column) == (code, line, column)


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    source, problems = decode("\ufeffa: 1\r\nb: x\r\n".encode(), "spec.yaml")
    assert source is not None
    assert problems == []
    document = read_document(source)
    assert document.value == {"a": 1, "b": "x"}
    assert document.positions.value("b").line == 2


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    assert read_source(tmp_path / "folder.yaml", "folder.yaml")[1][0].code == "TEMO200"
    assert read_source(tmp_path / "gone.yaml", "gone.yaml")[1][0].code == "TEMO200"
