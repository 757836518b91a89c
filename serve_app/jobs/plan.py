"""A request that was checked against one model: what is to be made, and under which content address it is stored."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deployments.contract import InvalidInput
from serve_app.deliver.delivery import Finding
from serve_app.errors import Invalid, field_errors
from serve_app.replica.work import STREAM

Parsed = TypeVar("Parsed", bound=BaseModel)

# Part of every content address: raise it when finishing or encoding gives other bytes for the same samples.
PIPELINE_VERSION = 1


@dataclass(frozen=True)
class Candidate:
    """One output to be made: the model's request with its seed, the output settings, the content address.

    `companions` are the addresses of what is stored beside it, by name; `files` the assets that its fields name. What
    is stored under `instead` answers as well.
    """

    key: str
    seed: int
    request: dict[str, Any]
    settings: dict[str, Any]
    companions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    instead: str | None = None

    @property
    def streamed(self) -> bool:
        """Whether its bytes travel to those who wait while it is made."""
        return self.settings.get("delivery") == STREAM


@dataclass(frozen=True)
class Plan:
    """A request that was checked against the model that shall serve it."""

    model: str
    task: str
    input: dict[str, Any]
    seed: int
    seed_given: bool
    candidates: tuple[Candidate, ...]

    @property
    def streamed(self) -> bool:
        """Whether its one candidate is."""
        return self.candidates[0].streamed


def parse_input(
    kinds: Sequence[type[BaseModel]], given: Mapping[str, Any], *, partly: bool = False
) -> tuple[list[Any], list[Finding]]:
    """Each kind of its own fields of `given`, and a pointer with a reason for every wrong one.

    What is missing is no fault when it is `partly` given.
    """
    found: list[Finding] = []
    parsed: list[Any] = []
    for kind in kinds:
        part = {name: value for name, value in given.items() if name in kind.model_fields}
        try:
            parsed.append(strictly(kind, part))
        except ValidationError as error:
            faults = error.errors()
            found += field_errors([item for item in faults if not (partly and item["type"] == "missing")], "", kind)
        except InvalidInput as error:
            found.append({"pointer": error.pointer, "detail": error.detail})
    return parsed, found


def strictly(kind: type[Parsed], fields: Mapping[str, Any]) -> Parsed:
    """Validate what came as JSON: no "5" or true for a number. Raises ValidationError."""
    try:
        text = json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair; the field that holds it is named by this
        return kind.model_validate(fields)
    return kind.model_validate_json(text, strict=True)


def resolve_aliases(raw: Mapping[str, Any], aliases: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Our names for the fields of `raw`, without those that are null. Raises Invalid when a field is given twice."""
    given: dict[str, Any] = {}
    for name, value in raw.items():
        ours = aliases.get(name, name)
        if value is None:
            continue
        if ours in given or (ours != name and raw.get(ours) is not None):
            detail = f"'{name}' is another name of '{ours}'; give one of them"
            raise Invalid(detail, [{"pointer": f"{prefix}/{name}", "detail": detail}])
        given[ours] = value
    return given


def address(
    identity: Sequence[Any], request: Mapping[str, Any], settings: Mapping[str, Any], parts: Mapping[str, Any]
) -> str:
    """The hex digest that names an output: the model, its input, how it is delivered, what the model is composed with.

    What a model is composed with is part of what is stored, a score for instance.
    """
    named = [PIPELINE_VERSION, *identity, request, settings, *([parts] if parts else ())]
    return hashlib.sha256(json.dumps(named, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
