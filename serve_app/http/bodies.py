"""Bytes of a request become a typed value, or findings: bounded work, off the event loop where it is long."""

import asyncio
import json
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from serve_app.errors import Invalid, Malformed, field_errors

B = TypeVar("B", bound=BaseModel)

MOST_VALUES = 5_000  # of every kind together: each of them may become a finding
DEEPEST = 64
SMALL_BYTES = 4 << 10  # what cannot hold more values than that is not counted
OFF_LOOP_BYTES = 64 << 10


async def parse(raw: bytes, kind: type[B], also_known: Iterable[str] = ()) -> B:
    """The body as `kind`. Raises Malformed, or Invalid with a pointer to every wrong field."""
    if len(raw) > OFF_LOOP_BYTES:
        return await asyncio.to_thread(parsed, raw, kind, also_known)
    return parsed(raw, kind, also_known)


def parsed(raw: bytes, kind: type[B], also_known: Iterable[str] = ()) -> B:
    """`parse` without the event loop."""
    try:
        try:
            if len(raw) > SMALL_BYTES:
                refuse_unbounded(_read(raw))
            return kind.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            if first["type"] != "json_invalid":
                raise
            value = _more_leniently(raw, first["ctx"]["error"])
            refuse_unbounded(value)
            return kind.model_validate(value)
    except ValidationError as error:
        raise invalid(error, kind, also_known) from None


def invalid(error: ValidationError, kind: type[BaseModel], also_known: Iterable[str] = ()) -> Invalid:
    """What is wrong with a `kind`, with a pointer to every wrong field."""
    found = field_errors(error.errors(include_url=False, include_input=False), "", kind, also_known)
    return Invalid(f"{found[0]['pointer'] or 'body'}: {found[0]['detail']}", found)


def refuse_unbounded(value: Any) -> None:
    """Raise Invalid for more values than any request has, Malformed for a nesting that none has."""
    level, seen = [value], 1
    for _ in range(DEEPEST):
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = list(islice(chain.from_iterable(inner), MOST_VALUES + 1))
        seen += len(level)
        if seen > MOST_VALUES:
            detail = f"the body holds over {MOST_VALUES} values; no request has so many"
            raise Invalid(detail, [{"pointer": "", "detail": detail}])
        if not level:
            return
    raise Malformed(f"the body is nested deeper than {DEEPEST} levels")


def _read(raw: bytes) -> Any:
    """The value as JSON has it; None where the text is none, of which validation tells."""
    try:
        return from_json(raw)
    except ValueError:
        return None


def _more_leniently(raw: bytes, reason: str) -> Any:
    """The body by a parser that lets lone surrogates pass, so that the field that holds one can be named."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed(f"the body is not JSON: {reason}") from None
