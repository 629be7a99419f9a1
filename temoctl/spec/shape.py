"""What a model allows at a path: its keys, its values. Reads type annotations; must not know any model by name."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict


def keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[str, ...]:
    """The keys a mapping may have there, in the order of the model."""
    for one in _options(_at(model, loc)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            hidden = one.model_config.get("json_schema_extra")
            shown = dict.fromkeys(one.model_fields)
            if callable(hidden):
                shown.pop("file", None)
            return tuple(shown)
        if is_typeddict(one):
            return tuple(one.__annotations__)
    return ()


def allowed_at(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[str, ...]:
    """The values a choice may have there."""
    return tuple(
        str(value) for one in _options(_at(model, loc)) if get_origin(one) is Literal for value in get_args(one)
    )


def _at(annotation: Any, loc: Sequence[str | int]) -> Any:
    for part in loc:
        annotation = next((found for one in _options(annotation) if (found := _step(one, part)) is not None), None)
    return annotation


def _options(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without Annotated and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [deep for one in get_args(annotation) if one is not type(None) for deep in _options(one)]
    return [] if annotation is None else [annotation]


def _step(annotation: Any, part: str | int) -> Any:
    origin = get_origin(annotation)
    if origin is dict:
        return get_args(annotation)[1]
    if origin in (tuple, list):
        return get_args(annotation)[0]
    if is_typeddict(annotation):
        return get_type_hints(annotation).get(str(part))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        if field is not None:
            return field.annotation
        kind = annotation.model_fields.get("kind")
        return annotation if kind is not None and kind.default == part else None
    return None
