"""Which model serves a request: the catalogue of entries, checks of a request against one, routing of `auto`."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError

from deployments.contract import CAPABILITY_FIELDS, ModelInfo, Request
from deployments.moved import address_name
from serve_app.config import Limits, ModelEntry
from serve_app.deliver.delivery import ENDINGS, Delivery, Finding, Settings, StreamDelivery
from serve_app.deliver.media import DELIVERIES
from serve_app.errors import (
    MOST_FINDINGS,
    ConfigError,
    Invalid,
    NotFound,
    UnknownModel,
    field_errors,
    pointer,
    unknown_name,
)
from serve_app.importing import load_class
from serve_app.jobs.plan import Candidate, Plan, address, parse_input, resolve_aliases
from serve_app.records.voice_rows import VOICE_ID
from serve_app.replica.work import STREAM

# What models without a medium do for others; they take no jobs.
_FOR_MODELS = {"scoring": "scores the sounds", "embedding": "embeds the texts"}
# What names a file in a plan. The `voice` of a model that clones may also be the name of one that it has by itself.
_STORED = re.compile(rf"ast_[0-9a-f]{{32}}|{VOICE_ID.pattern}")
_TEXTS = {"prompt": "a sound", "input": "a sentence"}  # what a request cannot leave out
_ALIASES = {name: ours for delivery in DELIVERIES.values() for name, ours in delivery.aliases.items()}


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
        return self.info.task in DELIVERIES

    @property
    def delivery(self) -> Delivery:
        """How what it makes leaves; only of one that takes jobs."""
        return DELIVERIES[self.info.task]

    @property
    def request_type(self) -> type[Request]:
        """What the model's part of `input` must satisfy; of a model that takes no jobs the bare Request."""
        request_type: type[Request] = getattr(self.model_class, "Request", Request)
        return request_type

    @property
    def kinds(self) -> tuple[type[Request], type[Settings]]:
        """The two types that share the fields of `input`."""
        return self.request_type, self.delivery.settings

    @property
    def fields(self) -> frozenset[str]:
        """Every field that `input` may hold for this model."""
        return frozenset(name for kind in self.kinds for name in kind.model_fields) if self.takes_jobs else frozenset()

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
        """JSON Schema of `input`, with the defaults of the entry; `x-file` says of which kind a field's file is."""
        if not self.takes_jobs:
            return {"type": "object", "properties": {}}
        schema, settings = (kind.model_json_schema() for kind in self.kinds)
        schema["properties"] = {**schema["properties"], **settings["properties"]}
        schema["$defs"] = {**settings.get("$defs", {}), **schema.get("$defs", {})}
        for name, kind in self.request_type.files.items():
            schema["properties"][name]["x-file"] = kind
        for name, value in self.entry.defaults.items():
            schema["properties"][name]["default"] = value
        schema["required"] = [name for name in schema.get("required", ()) if name not in self.entry.defaults]
        return schema


class Catalogue:
    """The models of the configuration, by name, in its order. Raises ConfigError for a set that cannot work."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        self.sound_bytes = Limits().sound_bytes  # of the longest sound that `plan` lets pass
        self._entries: dict[str, CatalogueEntry] = {}
        for entry in entries:
            if entry.name in self._entries:
                raise ConfigError(f"models: the name '{entry.name}' is used twice")
            self._entries[entry.name] = _checked(entry)
        self._refuse_ambiguous()
        for item in self:
            for other in (*item.entry.fallback, *item.entry.parts.values()):
                if other not in self._entries:
                    raise ConfigError(
                        f"models: '{item.name}' names " + unknown_name("model", other, list(self._entries))
                    )
            for other in item.entry.fallback:
                if DELIVERIES.get(self[other].info.task) is not DELIVERIES.get(item.info.task):
                    raise ConfigError(
                        f"models: the fallback of '{item.name}' ({item.info.task}) names '{other}', "
                        f"whose task is {self[other].info.task}"
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

    def file_fields(self, model: str) -> Mapping[str, str]:
        """The fields in which a model takes a file, with its kind; of `auto` those of all models."""
        asked = [self._entries[model]] if model in self._entries else list(self)
        return {name: kind for item in reversed(asked) for name, kind in item.request_type.files.items()}

    def plan(self, model: str, raw: Mapping[str, Any], *, prefix: str, tasks: Iterable[str] = ()) -> Plan:
        """Check `raw` against `model` (or find one for `auto`), which must do one of `tasks` if any are given.

        Raises Invalid with pointers below `prefix`.
        """
        wanted = frozenset(tasks)
        given = resolve_aliases(raw, _ALIASES, prefix)
        if model == "auto":
            entry = self._route(given, wanted)
        elif model in self._entries:
            entry = self._entries[model]
        else:
            detail = unknown_name("model", model, [*self._entries, "auto"])
            raise UnknownModel(detail, [_at("/model", detail)])
        if wanted and entry.info.task not in wanted:
            having = ", ".join(item.name for item in self if item.info.task in wanted)
            detail = f"model '{model}' does {entry.info.task}; models for {_listed(wanted)}: {having or 'none'}"
            raise Invalid(detail, [_at("/model", detail)])
        request, settings = self._parsed(entry, {**entry.entry.defaults, **given}, prefix)
        _refuse(entry.delivery.too_large(request, settings, entry.info, self.sound_bytes), prefix)
        return self._planned(entry, request, settings)

    def plan_for(self, name: str, given: Mapping[str, Any], *, prefix: str, fallback: bool = False) -> Plan:
        """As `plan`, for input that was accepted before, whatever memory it takes.

        It has its defaults already, those of then; only a `fallback` fills in its own.
        """
        entry = self[name]
        filled = {**entry.entry.defaults, **given} if fallback else given
        return self._planned(entry, *self._parsed(entry, filled, prefix))

    def _parsed(self, entry: CatalogueEntry, given: Mapping[str, Any], prefix: str) -> tuple[Request, Settings]:
        """`given` as the model and its delivery take it. Raises Invalid."""
        name = entry.name
        if not entry.takes_jobs:
            detail = f"model '{name}' {_FOR_MODELS[entry.info.task]} of other models; it takes no jobs"
            raise Invalid(detail, [_at("/model", detail)])
        self._refuse_unknown(entry, given, prefix)
        parsed, found = parse_input(entry.kinds, given)
        _refuse(found, prefix, named=True)
        request, settings = parsed
        _refuse(entry.delivery.limits(request, settings, entry.info, name), prefix, named=True)
        settled: Request = entry.delivery.settled(request, entry.info)
        return settled, settings

    def _planned(self, entry: CatalogueEntry, request: Request, settings: Settings) -> Plan:
        """What is to be made; a seed is drawn for an absent one."""
        seed_given = request.seed is not None
        first = request.seed if request.seed is not None else secrets.randbelow(2**31)
        seeds = [(first + i) % 2**32 for i in range(settings.n)]
        stored = {
            **request.model_dump(exclude_none=True),
            **settings.model_dump(exclude_none=True),
            "seed": first,
        }
        candidates = self._candidates(entry, request, settings, seeds)
        return Plan(entry.name, entry.info.task, stored, first, seed_given, candidates)

    def _candidates(
        self, entry: CatalogueEntry, request: Request, settings: Settings, seeds: Iterable[int]
    ) -> tuple[Candidate, ...]:
        delivery, parts = entry.delivery, self._parts(entry)
        resolved = delivery.resolved(settings, entry.info)
        given = {name: getattr(request, name) for name in request.files}
        files = {name: value for name, value in given.items() if isinstance(value, str) and _STORED.fullmatch(value)}
        whole = delivery.instead(settings) if isinstance(delivery, StreamDelivery) else None
        other = None if whole is None else delivery.resolved(whole, entry.info)
        made = []
        for seed in seeds:
            fields = {**request.model_dump(mode="json"), "seed": seed}
            stem, ending = _stored_at(entry, fields, resolved, parts)
            beside = {name: f"{stem}.{suffix}" for name, suffix in delivery.companions.items()}
            instead = None if other is None else ".".join(_stored_at(entry, fields, other, parts))
            made.append(Candidate(f"{stem}.{ending}", seed, fields, resolved, beside, files, instead))
        return tuple(made)

    def _route(self, given: Mapping[str, Any], tasks: frozenset[str]) -> CatalogueEntry:
        fitting = [item for item in self if (item.info.task in tasks if tasks else item.takes_jobs)]
        if not fitting:
            raise Invalid(
                f"no configured model serves {_listed(tasks)}",
                [_at("/model", "no model for this task")],
            )
        best = [item for item in fitting if item.fields >= given.keys()] or fitting
        return next((item for item in best if _serves(item, given)), best[0])

    def _parts(self, entry: CatalogueEntry) -> dict[str, Any]:
        """What the parts of an entry are, whatever their names: others may make or choose another sound."""
        found = {}
        for role, name in entry.entry.parts.items():
            part = self[name]
            found[role] = [*part.identity, *([self._parts(part)] if part.entry.parts else ())]
        return found

    def _refuse_unknown(self, entry: CatalogueEntry, given: Mapping[str, Any], prefix: str) -> None:
        found, fields = [], entry.fields
        for name in islice((name for name in given if name not in fields), MOST_FINDINGS):
            having = [item.name for item in self if name in item.fields]
            if having or any(name in names for names in CAPABILITY_FIELDS.values()):
                models = f"models that do: {', '.join(having)}" if having else "no configured model does"
                text = f"model '{entry.name}' does not take '{name}'; {models}"
            else:
                text = unknown_name("field", name, sorted(fields | entry.delivery.aliases.keys()))
            found.append(_at(prefix + pointer([name]), text))
        if found:
            raise Invalid(found[0]["detail"], found)


def _checked(entry: ModelEntry) -> CatalogueEntry:
    """An entry with its class. Raises ConfigError for options or defaults that its model does not take."""
    model_class = load_class(entry.model)
    try:
        options = model_class.Options.model_validate(entry.options)
    except ValidationError as error:
        found = field_errors(error.errors(), "", model_class.Options)
        raise ConfigError(f"models: options of '{entry.name}' are not valid: {_sentence(found)}") from None
    item = CatalogueEntry(entry, model_class, options)
    if item.takes_jobs and not item.delivery.fits(item.info):
        raise ConfigError(f"models: '{entry.name}' ({entry.model}) does not say what its {item.delivery.kind} is like")
    unknown = [name for name in entry.defaults if name not in item.fields]
    if unknown:
        text = unknown_name("field", unknown[0], sorted(item.fields))
        raise ConfigError(f"models: defaults of '{entry.name}': {text}")
    found = _wrong_defaults(item) if entry.defaults else []
    if found:
        raise ConfigError(f"models: defaults of '{entry.name}' are not valid: {_sentence(found)}")
    return item


def _wrong_defaults(item: CatalogueEntry) -> list[Finding]:
    """Defaults with which every request would fail that gives no more than a text."""
    given = {**{name: text for name, text in _TEXTS.items() if name in item.fields}, **item.entry.defaults}
    parsed, found = parse_input(item.kinds, given, partly=True)
    if found or len(parsed) < len(item.kinds):
        return found
    request, settings = parsed
    return item.delivery.limits(request, settings, item.info, item.name)


def _sentence(found: Iterable[Finding]) -> str:
    return "; ".join(f"{item['pointer']}: {item['detail']}" for item in found)


def _stored_at(
    entry: CatalogueEntry, fields: Mapping[str, Any], resolved: Mapping[str, Any], parts: Mapping[str, Any]
) -> tuple[str, str]:
    """A content address as the stem and the ending of a key."""
    digest = address(entry.identity, fields, resolved, parts)
    format = resolved["format"]
    ending = format if resolved.get("delivery") == STREAM else ENDINGS.get(format, format)
    return f"{entry.delivery.kind}/{digest[:2]}/{digest}", ending


def _serves(item: CatalogueEntry, given: Mapping[str, Any]) -> bool:
    """Whether a model's limits let this pass."""
    parsed, found = parse_input(item.kinds, {**item.entry.defaults, **given})
    return not found and not item.delivery.limits(parsed[0], parsed[1], item.info, item.name)


def _listed(tasks: Iterable[str]) -> str:
    return " or ".join(sorted(tasks))


def _refuse(found: Iterable[Finding], prefix: str, *, named: bool = False) -> None:
    """Raise Invalid if anything was found, with the first in words; `named`: with its field."""
    below = [_at(prefix + item["pointer"], item["detail"]) for item in found]
    if below:
        first = below[0]
        raise Invalid(f"{first['pointer']}: {first['detail']}" if named else first["detail"], below)


def _at(pointer: str, detail: str) -> Finding:
    return {"pointer": pointer, "detail": detail}
