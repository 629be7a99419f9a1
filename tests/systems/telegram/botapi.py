"""Checks calls and answers against the published description of the Bot API, where it lies beside the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from temoctl.systems.fake_http import FakeRequest, FakeResponse
from temoctl.systems.telegram.fake import FakeTelegram, _params

SPEC = Path(__file__).resolve().parents[4] / "shared" / "specs" / "telegram-bot-api.json"
_PLAIN: dict[str, tuple[type, ...]] = {
    "Integer": (int,),
    "Float": (int, float),
    "String": (str,),
    "Boolean": (bool,),
    "True": (bool,),
}


class BotApi:
    """The description, read once."""

    def __init__(self) -> None:
        if not SPEC.exists():
            pytest.skip(f"the Bot API's description is not here: {SPEC}")
        spec = json.loads(SPEC.read_text())
        self.methods: dict[str, Any] = {name.lower(): one for name, one in spec["methods"].items()}
        self.types: dict[str, Any] = spec["types"]

    def check_call(self, method: str, params: dict[str, Any]) -> None:
        described = self.methods[method.lower()]
        fields = {field["name"]: field for field in described.get("fields", [])}
        assert params.keys() <= fields.keys(), f"{method} takes no {params.keys() - fields.keys()}"
        required = {name for name, field in fields.items() if field["required"]}
        assert required <= params.keys(), f"{method} needs {required - params.keys()}"
        for name, value in params.items():
            self.check(value, fields[name]["types"], f"{method}.{name}")

    def check_answer(self, method: str, status: int, answer: dict[str, Any]) -> None:
        assert isinstance(answer["ok"], bool)
        if not answer["ok"]:
            assert answer["error_code"] == status
            assert isinstance(answer["description"], str)
            self.check(answer.get("parameters", {}), ["ResponseParameters"], f"{method}.parameters")
            return
        assert status == 200
        self.check(answer["result"], self.methods[method.lower()]["returns"], f"{method} returns")

    def check(self, value: Any, types: list[str], place: str) -> None:
        problems = []
        for one in types:
            try:
                return self._check_one(value, one, place)
            except AssertionError as problem:
                problems.append(str(problem))
        raise AssertionError("; ".join(problems))

    def _check_one(self, value: Any, kind: str, place: str) -> None:
        if kind.startswith("Array of "):
            assert isinstance(value, list), f"{place}: no list"
            for item in value:
                self._check_one(item, kind.removeprefix("Array of "), place)
            return
        if kind in _PLAIN:
            fits = isinstance(value, _PLAIN[kind]) and (isinstance(value, bool) == (kind in ("Boolean", "True")))
            assert fits, f"{place}: {value!r} is no {kind}"
            return
        assert isinstance(value, dict), f"{place}: {value!r} is no {kind}"
        described = self.types[kind]
        if described.get("subtypes"):
            return self.check(value, described["subtypes"], place)
        fields = {field["name"]: field for field in described.get("fields", [])}
        assert value.keys() <= fields.keys(), f"{place}: {kind} has no {value.keys() - fields.keys()}"
        for name, field in fields.items():
            if name in value:
                self.check(value[name], field["types"], f"{place}.{name}")
            else:
                assert not field["required"], f"{place}: {kind} lacks {name}"


class CheckedTelegram(FakeTelegram):
    """The stand-in, with every call and every answer checked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._api = BotApi()
        self.checked: set[str] = set()

    async def _dispatch(self, request: FakeRequest) -> FakeResponse:
        answer = await super()._dispatch(request)
        method = request.path.rpartition("/")[2]
        self._api.check_call(method, dict(_params(request)))
        self._api.check_answer(method, answer.status, answer.json)
        self.checked.add(method)
        return answer
