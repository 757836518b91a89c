"""The preset library: JSON files that people read and edit, loaded, unit-normalized and checked.

A preset is one sound: what it is called and when one wants it, how the composer plays it, and a graph of the
C++ engine's nodes. Files lie in native/presets/<role>/<id>.json. Every numeric parameter may carry a foreign
unit as text (units.py); after loading it is in the engine's.
"""

import difflib
import json
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import synth_native
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from deployments.contract import Frozen
from deployments.synth.library.compiled import compiled, digest, folder
from deployments.synth.terms.roles import Role
from deployments.synth.terms.units import UnitError, to_unit

Value = float | str


class PresetError(ValueError):
    """A preset file is wrong; the message names the file, the field, what stands there and what was expected."""


def _in_db(value: Any) -> Any:
    return to_unit(value, "dB") if isinstance(value, str) else value


Decibels = Annotated[float, BeforeValidator(_in_db)]


class PresetNode(Frozen):
    """One node of the graph; `inputs` is {"in": [ids]}, as the engine takes it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    type: str
    params: Mapping[str, Value] = Field(default_factory=dict)
    inputs: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)


class Modulation(Frozen):
    """A control node moves a parameter: by `amount` in the parameter's unit, or as a ratio in octaves."""

    source: str = Field(alias="from")
    to: str
    param: str
    amount: float
    unit: str = ""


class PresetGraph(Frozen):
    """Nodes in the order of writing, what moves them, and the id of the one that is heard."""

    nodes: tuple[PresetNode, ...] = Field(min_length=1)
    modulations: tuple[Modulation, ...] = ()
    output: str

    def as_dict(self) -> dict[str, Any]:
        """The graph as synth_native.compile takes it."""
        return self.model_dump(mode="json", by_alias=True)


class Preset(Frozen):
    """A sound of the library. Texts are what search reads; `score` to `reverb_db` are what the composer reads."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,47}$", description="The file's name without .json.")
    version: int = Field(ge=1, description="Raised when the same id sounds different.")
    name: str = Field(min_length=3, max_length=60)
    description: str = Field(min_length=20, max_length=400, description="One or two sentences: what one hears.")
    tags: tuple[str, ...] = Field(min_length=3, max_length=24, description="Other words, places, uses, styles.")
    captions: tuple[str, ...] = Field(
        default=(),
        max_length=24,
        description="What people might ask for instead: scenes, uses, names that stand for it.",
    )
    role: Role
    mood: tuple[str, ...] = Field(min_length=1, max_length=8)
    energy: float = Field(ge=0, le=1, description="0 still, 1 driving.")
    score: str = Field(default="none", description="A score of score/compose.py that plays it; none plays by itself.")
    octave: int = Field(default=4, ge=0, le=8, description="Of the score; octave 4 starts at middle C.")
    level_db: Decibels = Field(ge=-60, le=24, description="Brings the sound alone to its role's loudness.")
    centroid_hz: float = Field(
        default=1000.0, ge=20, le=20_000, description="Measured mean of the sound's spectrum: how bright it is."
    )
    correlation: float = Field(default=0.5, ge=-1, le=1, description="Measured, of left and right; 1 is mono.")
    reverb_db: Decibels = Field(default=-60.0, ge=-60, le=6, description="Into the shared reverb; -60 is nothing.")
    air_hz: float = Field(default=14_000.0, ge=200, le=20_000, description="Where a distant noise loses its top.")
    graph: PresetGraph

    def text(self) -> str:
        """Everything that search reads, as one text."""
        parts = (self.name, self.description, ", ".join(self.tags), ", ".join(self.mood), self.role.lower())
        return ". ".join(part.rstrip(".") for part in (*parts, *self.captions))

    def views(self) -> tuple[str, ...]:
        """The same apart, each short enough to be like what a person asks for."""
        return (self.name, f"{self.name}. {self.description}", *self.tags, *self.mood, *self.captions)


@cache
def library() -> Mapping[str, Preset]:
    """Every preset of the library by id, in alphabetical order. Raises PresetError for the first faulty file."""
    type_of_all = TypeAdapter(tuple[Preset, ...])

    def parsed() -> dict[str, np.ndarray[Any, Any]]:
        presets = tuple(sorted(load_folder(folder()), key=lambda preset: preset.id))
        return {"json": np.frombuffer(zlib.compress(type_of_all.dump_json(presets, by_alias=True), 9), np.uint8)}

    kept = compiled("catalogue", digest(*_sources(folder()), json.dumps(synth_native.describe())), parsed)
    return {preset.id: preset for preset in type_of_all.validate_json(zlib.decompress(kept["json"].tobytes()))}


def _sources(path: Path) -> Iterator[bytes | str]:
    """All files of presets: name, content, name, content."""
    for file in sorted(path.rglob("*.json")):
        yield file.relative_to(path).as_posix()
        yield file.read_bytes()


def load_folder(path: Path) -> Iterator[Preset]:
    """Load every .json below a folder. Raises PresetError for a faulty file and for an id that is used twice."""
    seen: dict[str, Path] = {}
    for file in sorted(path.rglob("*.json")):
        preset = load_preset(file)
        if preset.id in seen:
            raise PresetError(f"{file.name}: the id '{preset.id}' is used by {seen[preset.id]} already")
        seen[preset.id] = file
        yield preset


def load_preset(path: Path) -> Preset:
    """Read one file and normalize its units. Raises PresetError that names the file and the field."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PresetError(f"{path.name}: not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise PresetError(f"{path.name}: a preset is an object, not {type(raw).__name__}")
    return parse_preset({"id": path.stem, **raw}, path.name)


def parse_preset(raw: Mapping[str, Any], source: str) -> Preset:
    """Check a preset as JSON and bring its parameters to the engine's units. Raises PresetError."""
    try:
        preset = Preset.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(f"{_field(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise PresetError(f"{source}: {faults}") from error
    nodes = tuple(
        node.model_copy(update={"params": normalized(node.type, node.params, f"{source}: graph.nodes[{at}]")})
        for at, node in enumerate(preset.graph.nodes)
    )
    return preset.model_copy(update={"graph": preset.graph.model_copy(update={"nodes": nodes})})


def normalized(kind: str, params: Mapping[str, Value], where: str) -> dict[str, Value]:
    """Return the parameters of one node in the engine's units. Raises PresetError that begins with `where`."""
    known = _engine().get(kind)
    if known is None:
        raise PresetError(f"{where}.type: there is no node type '{kind}'; {_nearest(kind, _engine())}")
    result: dict[str, Value] = {}
    for name, value in params.items():
        field = f"{where}.params.{name}"
        if name not in known:
            raise PresetError(f"{field}: '{kind}' has no such parameter; {_nearest(name, known)}")
        try:
            result[name] = _checked(known[name], value)
        except UnitError as error:
            raise PresetError(f"{field}: {error}") from error
    return result


def _checked(spec: Mapping[str, Any], value: Value) -> Value:
    """One value in the engine's unit, within its range. Raises UnitError."""
    if choices := spec.get("choices"):
        if value not in choices:
            raise UnitError(f"'{value}' is none of {', '.join(choices)}")
        return value
    number = to_unit(value, spec["unit"])
    low, high = float(spec["low"]), float(spec["high"])
    if not low - 1e-6 * abs(low) <= number <= high + 1e-6 * abs(high):
        raise UnitError(f"{value!r} is {number:g} {spec['unit']}".rstrip() + f"; {low:g} to {high:g} is possible")
    return number


@cache
def _engine() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """The engine's node types: parameter name -> what it takes."""
    return {kind: {p["name"]: p for p in node["params"]} for kind, node in synth_native.describe().items()}


def _nearest(name: str, names: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, names, 3, 0.4)
    return f"nearest: {', '.join(near)}" if near else f"there are {', '.join(sorted(names))}"


def _field(location: tuple[int | str, ...]) -> str:
    """A place as it is written in code: ("graph", "nodes", 0, "id") -> graph.nodes[0].id."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
