"""Which model serves a request: the catalogue of entries, checks of a request against one, routing of `auto`."""

import hashlib
import importlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deployments.contract import CAPABILITY_FIELDS, InvalidInput, ModelInfo, Request
from deployments.moved import MOVED, address_name
from serve_app.config import ConfigError, Limits, ModelEntry
from serve_app.errors import MOST_FINDINGS, Invalid, NotFound, field_errors, pointer, unknown_name
from serve_app.logs import log
from serve_app.schemas import ALIASES, OutputSettings

Parsed = TypeVar("Parsed", bound=BaseModel)

# Part of every content address: raise it when finishing or encoding gives other bytes for the same samples.
PIPELINE_VERSION = 1
# What parts of other models do; they take no jobs.
_FOR_MODELS = {"scoring": "scores the sounds", "embedding": "embeds the texts"}


@dataclass(frozen=True)
class CatalogueEntry:
    """A configured model with its class; outside its replicas the class is only asked, which loads nothing."""

    entry: ModelEntry
    model_class: type[Any]
    options: BaseModel

    @property
    def name(self) -> str:
        """The model's name in the API."""
        return self.entry.name

    @property
    def info(self) -> ModelInfo:
        """The facts declared beside the class."""
        info: ModelInfo = self.model_class.info
        return info

    @property
    def takes_jobs(self) -> bool:
        """Whether it makes something by itself, not only for other models."""
        return self.info.task not in _FOR_MODELS

    @property
    def request_type(self) -> type[Request]:
        """What the model's part of `input` must satisfy."""
        request_type: type[Request] = self.model_class.Request
        return request_type

    @property
    def fields(self) -> frozenset[str]:
        """Every field that `input` may hold for this model."""
        return frozenset(self.request_type.model_fields) | frozenset(OutputSettings.model_fields)

    @property
    def identity(self) -> list[Any]:
        """What it is, in an address: class (wherever it lies), revision, options."""
        return [address_name(self.model_class), self.info.revision, self.options.model_dump(mode="json")]

    def missing(self) -> tuple[str, ...] | None:
        """A line for each thing that the model wants and this machine has not; None for a model that wants nothing."""
        if "embedder" in self.entry.parts:  # the entry that it names tells
            return None
        ask = getattr(self.model_class(self.options), "missing", None)
        return None if ask is None else tuple(ask())

    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of `input`."""
        schema = self.request_type.model_json_schema()
        settings = OutputSettings.model_json_schema()
        schema["properties"] = {**schema["properties"], **settings["properties"]}
        schema["$defs"] = {**settings.get("$defs", {}), **schema.get("$defs", {})}
        return schema


@dataclass(frozen=True)
class Candidate:
    """One sound to be made: the model's request with its seed, the output settings, the content address."""

    key: str
    seed: int
    request: dict[str, Any]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A request that was checked against the model that shall serve it."""

    model: str
    task: str
    input: dict[str, Any]
    seed: int
    seed_given: bool
    candidates: tuple[Candidate, ...]


def load_class(path: str) -> type[Any]:
    """Import `package.module:Class`, also by the path of the last release. Raises ConfigError: what is missing."""
    if path in MOVED:
        log.warning("model class '%s' is now '%s': change the entry, the next release drops the old", path, MOVED[path])
    module_name, _, class_name = MOVED.get(path, path).partition(":")
    try:
        return getattr(importlib.import_module(module_name), class_name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"model class '{path}' cannot be imported: {error}") from None


class Catalogue:
    """The models of the configuration, by name, in its order. Raises ConfigError for a set that cannot work."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        self.sound_bytes = Limits().sound_bytes  # of the longest sound that `plan` lets pass
        self._entries: dict[str, CatalogueEntry] = {}
        for entry in entries:
            if entry.name in self._entries:
                raise ConfigError(f"models: the name '{entry.name}' is used twice")
            model_class = load_class(entry.model)
            try:
                options = model_class.Options.model_validate(entry.options)
            except ValidationError as error:
                found = field_errors(error.errors(), "", list(model_class.Options.model_fields))
                text = "; ".join(f"{item['pointer']}: {item['detail']}" for item in found)
                raise ConfigError(f"models: options of '{entry.name}' are not valid: {text}") from None
            self._entries[entry.name] = CatalogueEntry(entry, model_class, options)
        self._refuse_ambiguous()
        for item in self:
            for other in (*item.entry.fallback, *item.entry.parts.values()):
                if other not in self._entries:
                    raise ConfigError(
                        f"models: '{item.name}' names " + unknown_name("model", other, list(self._entries))
                    )

    def _refuse_ambiguous(self) -> None:
        """Raise ConfigError for two classes that addresses could not tell apart: one's sounds would answer for both."""
        known: dict[tuple[str, str], CatalogueEntry] = {}
        for item in self:
            named = (address_name(item.model_class), item.info.revision)
            other = known.setdefault(named, item)
            if other.model_class is not item.model_class:
                raise ConfigError(
                    f"models: the classes of '{other.name}' ({other.entry.model}) and '{item.name}' "
                    f"({item.entry.model}) have one name and the revision '{named[1]}'; give one of them another"
                )

    def __iter__(self) -> Iterator[CatalogueEntry]:
        return iter(self._entries.values())

    def __getitem__(self, name: str) -> CatalogueEntry:
        try:
            return self._entries[name]
        except KeyError:
            raise NotFound(unknown_name("model", name, list(self._entries))) from None

    @property
    def names(self) -> list[str]:
        """The names in the order of the configuration."""
        return list(self._entries)

    def plan(self, model: str, raw: Mapping[str, Any], *, prefix: str, tasks: Iterable[str] = ()) -> Plan:
        """Check `raw` against `model` (or find one for `auto`). Raises Invalid with pointers below `prefix`."""
        given = resolve_aliases(raw, prefix)
        if model == "auto":
            entry = self._route(given, prefix, frozenset(tasks))
        elif model in self._entries:
            entry = self._entries[model]
        else:
            detail = unknown_name("model", model, [*self._entries, "auto"])
            raise Invalid(detail, [{"pointer": "/model", "detail": detail}])
        made = self.plan_for(entry.name, given, prefix=prefix)
        self._refuse_too_big(entry, made.candidates[0], prefix)
        return made

    def plan_for(self, name: str, given: Mapping[str, Any], *, prefix: str) -> Plan:
        """Check `given` against the model `name`; a seed is drawn for an absent one."""
        entry = self[name]
        if entry.info.task in _FOR_MODELS:
            detail = f"model '{name}' {_FOR_MODELS[entry.info.task]} of other models; it makes no sound"
            raise Invalid(detail, [_at("/model", detail)])
        self._refuse_unknown(entry, given, prefix)
        request, settings = parse_input(entry, given, prefix)
        seed_given = request.seed is not None
        first = request.seed if request.seed is not None else secrets.randbelow(2**31)
        parts = self._parts(entry)
        candidates = tuple(_candidate(entry, parts, request, settings, (first + i) % 2**32) for i in range(settings.n))
        stored = {
            **request.model_dump(exclude_none=True),
            **settings.model_dump(exclude_none=True),
            "seed": first,
        }
        return Plan(name, entry.info.task, stored, first, seed_given, candidates)

    def _route(self, given: Mapping[str, Any], prefix: str, tasks: frozenset[str]) -> CatalogueEntry:
        fitting = [item for item in self if (item.info.task in tasks if tasks else item.takes_jobs)]
        if not fitting:
            raise Invalid(
                f"no configured model serves {' or '.join(sorted(tasks))}",
                [_at("/model", "no model for this task")],
            )
        best = [item for item in fitting if item.fields >= given.keys()]
        duration_s = given.get("duration_s")
        if isinstance(duration_s, int | float):
            best = [item for item in best if duration_s <= item.info.max_duration_s] or best
        return (best or fitting)[0]

    def _parts(self, entry: CatalogueEntry) -> dict[str, Any]:
        """What the parts of an entry are, whatever their names: others may make or choose another sound."""
        found = {}
        for role, name in entry.entry.parts.items():
            part = self[name]
            found[role] = [*part.identity, *([self._parts(part)] if part.entry.parts else ())]
        return found

    def _refuse_too_big(self, entry: CatalogueEntry, candidate: Candidate, prefix: str) -> None:
        """Raise Invalid for a sound that would not fit: as float32, at the higher of the two rates that it has."""
        rate_hz = candidate.settings["sample_rate_hz"]
        frame_bytes = entry.info.channels * 4
        per_s = max(rate_hz or 0, entry.info.sample_rate_hz) * frame_bytes
        size = candidate.request["duration_s"] * per_s
        if size > self.sound_bytes:
            fits = candidate.request["duration_s"] * entry.info.sample_rate_hz * frame_bytes <= self.sound_bytes
            detail = (
                f"{candidate.request['duration_s']:g} s at {per_s // frame_bytes} Hz are {size / 2**20:.0f} MiB, "
                f"{self.sound_bytes / 2**20:g} MiB are possible: {self.sound_bytes / per_s:.0f} s at this rate"
            )
            raise Invalid(detail, [_at(f"{prefix}/{'sample_rate_hz' if fits else 'duration_s'}", detail)])

    def _refuse_unknown(self, entry: CatalogueEntry, given: Mapping[str, Any], prefix: str) -> None:
        found, fields = [], entry.fields
        for name in islice((name for name in given if name not in fields), MOST_FINDINGS):
            having = [item.name for item in self if name in item.fields]
            if having or any(name in names for names in CAPABILITY_FIELDS.values()):
                models = f"models that do: {', '.join(having)}" if having else "no configured model does"
                text = f"model '{entry.name}' does not take '{name}'; {models}"
            else:
                text = unknown_name("field", name, sorted(fields | ALIASES.keys()))
            found.append(_at(prefix + pointer([name]), text))
        if found:
            raise Invalid(found[0]["detail"], found)


def parse_input(entry: CatalogueEntry, given: Mapping[str, Any], prefix: str) -> tuple[Request, OutputSettings]:
    """The model's request and the output settings. Raises Invalid with a pointer for every wrong field."""
    found: list[dict[str, str]] = []
    parsed: list[Any] = []
    for kind in (entry.request_type, OutputSettings):
        part = {name: value for name, value in given.items() if name in kind.model_fields}
        try:
            parsed.append(strictly(kind, part))
        except ValidationError as error:
            found += field_errors(error.errors(), prefix)
        except InvalidInput as error:
            found.append(_at(prefix + error.pointer, error.detail))
    if not found:
        found = [*_limits(entry, parsed[0], prefix), *_format_limits(parsed[1], prefix)]
    if found:
        raise Invalid(f"{found[0]['pointer']}: {found[0]['detail']}", found)
    return parsed[0], parsed[1]


def strictly(kind: type[Parsed], fields: Mapping[str, Any]) -> Parsed:
    """Validate what came as JSON: no "5" or true for a number. Raises ValidationError."""
    try:
        text = json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair; the field that holds it is named by this
        return kind.model_validate(fields)
    return kind.model_validate_json(text, strict=True)


def _limits(entry: CatalogueEntry, request: Request, prefix: str) -> list[dict[str, str]]:
    if not request.prompt.strip():
        return [_at(f"{prefix}/prompt", "the prompt is empty")]
    if request.duration_s > entry.info.max_duration_s:
        longest = f"{entry.info.max_duration_s:g} s is the longest that model '{entry.name}' makes"
        limit = f"{longest}, {request.duration_s:g} s were asked"
        return [_at(f"{prefix}/duration_s", limit)]
    return []


def _format_limits(settings: OutputSettings, prefix: str) -> list[dict[str, str]]:
    if settings.bit_depth == 32 and settings.format != "wav":
        return [_at(f"{prefix}/bit_depth", "32 bit (float) needs format wav")]
    if settings.format == "mp3" and (settings.sample_rate_hz or 0) > 48_000:
        return [_at(f"{prefix}/sample_rate_hz", "mp3 has at most 48000 Hz")]
    return []


def resolve_aliases(raw: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Our names for the fields of `raw`, without those that are null. Raises Invalid when a field is given twice."""
    given: dict[str, Any] = {}
    for name, value in raw.items():
        ours = ALIASES.get(name, name)
        if value is None:
            continue
        if ours in given or (ours != name and raw.get(ours) is not None):
            detail = f"'{name}' is another name of '{ours}'; give one of them"
            raise Invalid(detail, [_at(f"{prefix}/{name}", detail)])
        given[ours] = value
    return given


def _candidate(
    entry: CatalogueEntry, parts: dict[str, Any], request: Request, settings: OutputSettings, seed: int
) -> Candidate:
    fields = {**request.model_dump(mode="json"), "seed": seed}
    loudness = settings.loudness_lufs if settings.loudness_lufs is not None else entry.info.loudness_lufs
    delivered = {**settings.model_dump(mode="json", exclude={"n"}), "loudness_lufs": loudness}
    delivered["asked_loudness"] = settings.loudness_lufs is not None
    address = [PIPELINE_VERSION, *entry.identity, fields, delivered]
    if parts:  # what it is composed with is part of what is stored, a score for instance
        address.append(parts)
    digest = hashlib.sha256(json.dumps(address, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return Candidate(f"audio/{digest[:2]}/{digest}.{settings.format}", seed, fields, delivered)


def _at(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
