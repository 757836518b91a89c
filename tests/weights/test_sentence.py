"""Our encoder gives the vectors of transformers', for the packaged model and for a model in BGE's layout."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contract import LoadFailed
from deployments.weights.sentence import SentenceEncoder, open_encoder
from deployments.weights.sentence_models import MINILM, NoWeights, minilm_folder

TEXTS = [
    "rain",
    "slow warm pad with distant rain, D minor, 70 bpm",
    "Ein Käuzchen ruft — naïve café, 🌧️ ok?",
    "a long description " * 60,
    "",
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return open_encoder(minilm_folder())


def by_transformers(folder: Path, texts: list[str], first_token: bool) -> Any:
    import torch
    from transformers import AutoTokenizer, BertModel

    model = BertModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    made = []
    for text in texts:
        tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state[0]
        pooled = hidden[0] if first_token else hidden.mean(dim=0)
        made.append(torch.nn.functional.normalize(pooled, dim=0).numpy())
    return np.stack(made)


@pytest.mark.slow
def test_vectors_are_those_of_transformers(encoder: SentenceEncoder) -> None:
    expected = by_transformers(minilm_folder(), TEXTS, first_token=False)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5


@pytest.mark.slow
def test_a_model_that_pools_the_first_token_as_bge_does(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    source = minilm_folder()
    vocabulary = json.loads((source / "config.json").read_text())["vocab_size"]
    config = BertConfig(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=64, max_position_embeddings=512)  # fmt: skip
    BertModel(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "sentence_bert_config.json"):
        shutil.copy(source / name, tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    encoder = SentenceEncoder(tmp_path)
    expected = by_transformers(tmp_path, TEXTS, first_token=True)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5
    asked = encoder.encode(["Represent this sentence for searching relevant passages: rain"])
    np.testing.assert_allclose(encoder.encode_queries(["rain"]), asked, atol=1e-6)


def test_a_text_has_the_same_vector_alone_and_among_others(encoder: SentenceEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_meaning_is_nearer_than_other_meaning(encoder: SentenceEncoder) -> None:
    rain, drizzle, trumpet = encoder.encode(["rain on the roof", "a light drizzle", "a trumpet fanfare"])
    assert rain @ drizzle > rain @ trumpet + 0.1


def test_other_weights_than_the_expected_ones_are_refused(tmp_path: Path) -> None:
    for name in ("config.json", "sentence_bert_config.json", "tokenizer.json", "1_Pooling/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(minilm_folder() / name, tmp_path / name)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(LoadFailed, match="sha256"):
        SentenceEncoder(tmp_path, MINILM.sha256)


def test_an_incomplete_folder_and_a_missing_package_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LoadFailed, match=r"config\.json is missing"):
        SentenceEncoder(tmp_path)
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    monkeypatch.setattr("deployments.weights.packaged.find_spec", lambda name: None)
    with pytest.raises(NoWeights, match="continuo models pull embedder"):
        minilm_folder()
