"""A network in Kokoro's layout that is small and says what it was asked: a sine of 600 samples for each token.

Its amplitude is the first number of the style row, so that rows and mixtures of voices can be told from the sound.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from deployments.speech.kokoro import MOST_SYMBOLS
from deployments.speech.kokoro_weights import GRAPH, Part, Sources
from deployments.weights.packaged import Package

SAMPLES_PER_TOKEN = 600


def network() -> bytes:
    """The ONNX file."""

    def constant(name: str, kind: int, value: float) -> onnx.TensorProto:
        return helper.make_tensor(name, kind, [], [value])

    nodes = [
        helper.make_node("Size", ["tokens"], ["count"]),
        helper.make_node("Cast", ["count"], ["tokens_f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["tokens_f", "each"], ["usual"]),
        helper.make_node("Squeeze", ["speed"], ["factor"]),
        helper.make_node("Div", ["usual", "factor"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["places"]),
        helper.make_node("Mul", ["places", "step"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["sine"]),
        helper.make_node("Gather", ["style", "first"], ["column"], axis=1),
        helper.make_node("Squeeze", ["column"], ["amplitude"]),
        helper.make_node("Mul", ["sine", "amplitude"], ["audio"]),
    ]
    graph = helper.make_graph(
        nodes,
        "kokoro",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "sequence_length"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["audio_length"])],
        [
            constant("each", TensorProto.FLOAT, SAMPLES_PER_TOKEN),
            constant("zero", TensorProto.FLOAT, 0),
            constant("one", TensorProto.FLOAT, 1),
            constant("step", TensorProto.FLOAT, 2 * np.pi * 440 / 24_000),
            constant("first", TensorProto.INT64, 0),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return bytes(model.SerializeToString())


def voice(level: float, per_row: float = 0.0) -> bytes:
    """A pack whose row i has the amplitude `level + i * per_row`."""
    pack = np.zeros((MOST_SYMBOLS, 256), "<f4")
    pack[:, 0] = level + per_row * np.arange(MOST_SYMBOLS)
    return pack.tobytes()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def lay_out(folder: Path, voices: Mapping[str, bytes]) -> Path:
    """The files as a pull leaves them."""
    (folder / "voices").mkdir(parents=True)
    (folder / GRAPH).write_bytes(network())
    for name, data in voices.items():
        (folder / "voices" / f"{name}.bin").write_bytes(data)
    return folder


def publish(folder: Path, voices: Mapping[str, bytes], pieces: int = 2) -> Sources:
    """Wheels in `index/` and a tarball in `registry/`, as the published ones are."""
    data = network()
    cut = [data[len(data) * n // pieces : len(data) * (n + 1) // pieces] for n in range(pieces)]
    (folder / "index").mkdir()
    parts = tuple(_wheel(folder / "index", number, piece) for number, piece in enumerate(cut, 1))
    tarball = folder / "registry" / "tiny" / "-" / "tiny-1.0.0.tgz"
    tarball.parent.mkdir(parents=True)
    with tarfile.open(tarball, "w:gz") as archive:
        for name, content in {"../evil.bin": b"x", **{f"voices/{n}.bin": v for n, v in voices.items()}}.items():
            item = tarfile.TarInfo(f"package/{name}")
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    packed = tarball.read_bytes()
    return Sources(
        parts=parts,
        graph_sha256=sha256(data),
        tarball="tiny/-/tiny-1.0.0.tgz",
        tarball_size=len(packed),
        tarball_sha256=sha256(packed),
        voices={f"voices/{name}.bin": sha256(content) for name, content in voices.items()},
    )


def _wheel(index: Path, number: int, piece: bytes) -> Part:
    module = f"tiny_kokoro_part_{number}"
    wheel, info = index / f"{module}-0.1.0-py3-none-any.whl", f"{module}-0.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}/part.bin", piece)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 0.1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    data = wheel.read_bytes()
    package = Package(
        name=module.replace("_", "-"), version="0.1.0", sha256=sha256(data), size=len(data), module=module, folder=""
    )
    return Part(package=package, sha256=sha256(piece))
