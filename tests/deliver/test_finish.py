"""Finishing, measured with a loudness meter and a true-peak meter of the test's own."""

import math

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from deployments.contract import Audio
from serve_app.deliver.finish import finish
from serve_app.deliver.formats import Format
from serve_app.errors import UnusableAudio

RATE_HZ = 48_000
KEYS = {
    "loudness_lufs",
    "true_peak_dbtp",
    "peak",
    "dc_offset",
    "silence_ratio",
    "clipped_samples",
    "clicks",
    "limited_by",
    "ok",
}


def loudness_lufs(samples: NDArray[np.float32]) -> float:
    """Integrated loudness after ITU-R BS.1770-4 with the standard's own 48 kHz coefficients."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585]
    high = [1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621]
    weighted = scipy.signal.lfilter(*high, scipy.signal.lfilter(*shelf, samples.astype(np.float64)))
    size, hop = round(0.4 * RATE_HZ), round(0.1 * RATE_HZ)
    starts = range(0, samples.shape[1] - size + 1, hop)
    power = np.array([np.mean(weighted[:, s : s + size] ** 2, axis=1).sum() for s in starts])
    heard = power[10 * np.log10(power + 1e-30) - 0.691 > -70]
    gate = 10 ** (-1.0) * heard.mean()
    return float(10 * np.log10(heard[heard > gate].mean()) - 0.691)


def true_peak_dbtp(samples: NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.abs(scipy.signal.resample_poly(samples.astype(np.float64), 8, 1, axis=1)).max()))


def noise(seconds: float, level: float = 0.1, channels: int = 2, rate_hz: int = RATE_HZ) -> Audio:
    values = level * np.random.default_rng(1).standard_normal((channels, round(seconds * rate_hz)))
    return Audio(values.astype(np.float32), rate_hz)


def tone(seconds: float, hz: float, level: float, rate_hz: int = RATE_HZ) -> Audio:
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz + np.pi / 4)
    return Audio(np.stack([wave, wave]).astype(np.float32), rate_hz)


@pytest.mark.parametrize("level", [0.001, 0.05, 0.9])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_what_was_asked(level: float, channels: int) -> None:
    finished = finish(noise(5, level, channels), loudness_lufs=-20)
    assert finished.quality["limited_by"] is None
    assert loudness_lufs(finished.samples) == pytest.approx(-20, abs=0.5)
    assert finished.quality["loudness_lufs"] == pytest.approx(loudness_lufs(finished.samples), abs=0.2)
    assert set(finished.quality) == KEYS


def test_quiet_beginning_and_end_do_not_count() -> None:
    audio = noise(6)
    audio.samples[:, : 2 * RATE_HZ] *= 1e-3
    assert loudness_lufs(finish(audio).samples) == pytest.approx(-16, abs=0.5)


def test_the_peak_that_is_held_lies_between_the_samples() -> None:
    finished = finish(tone(0.39, RATE_HZ / 4, 0.3))  # too short for loudness; each sample is 3 dB under the peak
    middle = finished.samples[:, 4000:-4000]
    assert true_peak_dbtp(finished.samples) == pytest.approx(-1, abs=0.15)
    assert np.abs(middle).max() == pytest.approx(10 ** (-4 / 20), rel=0.03)


def test_the_limiter_holds_true_peak() -> None:
    finished = finish(noise(5), loudness_lufs=-9)
    assert finished.quality["limited_by"] in {None, "true_peak"}
    assert true_peak_dbtp(finished.samples) <= -1 + 0.1
    assert loudness_lufs(finished.samples) > -12


def test_more_than_six_db_of_limiting_stays_quieter_and_says_so() -> None:
    spiky = noise(5, 0.002)
    spiky.samples[:, ::4800] = 0.9
    finished = finish(spiky, loudness_lufs=-10)
    assert finished.quality["limited_by"] == "true_peak"
    assert loudness_lufs(finished.samples) < -10.5
    assert true_peak_dbtp(finished.samples) <= -1 + 0.1


def test_below_four_tenths_of_a_second_only_the_peak_is_set() -> None:
    finished = finish(noise(0.3, 0.01))
    assert finished.quality["loudness_lufs"] is None
    assert -1.5 < true_peak_dbtp(finished.samples) < -0.9  # in white noise two meters differ a little


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 48_000), (16_000, 44_100), (48_000, 22_050)])
def test_resampling_keeps_pitch_and_length(from_hz: int, to_hz: int) -> None:
    finished = finish(tone(2, 1000, 0.2, from_hz), sample_rate_hz=to_hz)
    assert finished.samples.shape == (2, 2 * to_hz)
    assert finished.sample_rate_hz == to_hz
    middle = finished.samples[0, to_hz // 2 : to_hz // 2 + to_hz] * np.hanning(to_hz)
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(middle)) + 1e-12)
    assert int(np.argmax(spectrum)) == 1000
    spectrum[990:1011] = -200
    assert spectrum.max() < 20 * math.log10(0.1 * to_hz / 4) - 75  # no images, no aliases


def test_what_lies_over_the_new_nyquist_frequency_is_gone() -> None:
    audio = tone(2, 9000, 0.2)
    audio.samples[:] += tone(2, 500, 0.02).samples
    finished = finish(audio, sample_rate_hz=16_000)
    spectrum = np.abs(np.fft.rfft(finished.samples[0, 8000:24_000] * np.hanning(16_000)))
    assert spectrum[500] > 1e3 * spectrum[6900:7100].max()


@pytest.mark.parametrize(("format", "rate_hz"), [("opus", 48_000), ("mp3", 44_100), ("flac", 44_100)])
def test_the_rate_suits_the_format(format: Format, rate_hz: int) -> None:
    finished = finish(noise(1, rate_hz=44_100), format=format, duration_s=1)
    assert (finished.sample_rate_hz, finished.samples.shape[1]) == (rate_hz, rate_hz)


@pytest.mark.parametrize("asked_s", [0.05, 0.9, 1.0, 1.1, 1.23456])
def test_length_is_exact(asked_s: float) -> None:
    made_s = 1.0 if asked_s > 0.5 else 0.1
    finished = finish(noise(made_s), duration_s=asked_s, sample_rate_hz=44_100)
    assert finished.samples.shape[1] == round(asked_s * 44_100)


def test_a_cut_fades_out() -> None:
    finished = finish(noise(1.2), duration_s=1.0)
    assert np.abs(finished.samples[:, -1]).max() < 1e-2
    assert np.abs(finished.samples[:, -480:]).max() < 0.3 * np.abs(finished.samples).max()


@pytest.mark.parametrize("asked_s", [5.0, 20.0])
def test_a_length_far_from_the_asked_one_is_refused(asked_s: float) -> None:
    with pytest.raises(UnusableAudio, match=r"10\.000 s where"):
        finish(noise(10), duration_s=asked_s)


def test_edges_do_not_click() -> None:
    finished = finish(Audio(np.full((2, RATE_HZ), 0.3, np.float32) * tone(1, 200, 1).samples, RATE_HZ))
    edges = np.abs(finished.samples[:, [0, -1]])
    assert edges.max() < 1e-3
    assert np.abs(np.diff(finished.samples[:, :200])).max() < 0.05


def test_samples_that_begin_and_end_in_silence_keep_their_shape() -> None:
    audio = noise(1)
    audio.samples[:] *= np.hanning(RATE_HZ).astype(np.float32)
    finished = finish(audio).samples
    gain = finished[0, RATE_HZ // 2] / audio.samples[0, RATE_HZ // 2]
    np.testing.assert_allclose(finished[:, :200], gain * audio.samples[:, :200], atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_refused(bad: float) -> None:
    audio = noise(1)
    audio.samples[1, 77] = bad
    with pytest.raises(UnusableAudio, match="1 samples of 96000"):
        finish(audio)


@pytest.mark.parametrize("level", [0, 1e-6])
def test_silence_is_refused(level: float) -> None:
    with pytest.raises(UnusableAudio, match="silence"):
        finish(noise(1, level))


@pytest.mark.parametrize(
    "samples",
    [np.zeros(100, np.float32), np.zeros((2, 0), np.float32), np.ones((9, 100), np.float32), np.ones((2, 100))],
)
def test_wrong_shapes_and_types_are_refused(samples: NDArray[np.float32]) -> None:
    with pytest.raises(UnusableAudio, match=r"is needed|channels"):
        finish(Audio(samples, RATE_HZ))


def test_mono_of_a_stereo_sound_is_the_mean_of_its_channels() -> None:
    audio = noise(2, 0.05)
    audio.samples[1] *= 0.5
    finished = finish(audio, channels=1, loudness_lufs=-26)
    mean = audio.samples.mean(axis=0)
    assert finished.samples.shape == (1, 2 * RATE_HZ)
    middle = slice(RATE_HZ // 2, RATE_HZ)
    gain = finished.samples[0, RATE_HZ // 2] / mean[RATE_HZ // 2]
    np.testing.assert_allclose(finished.samples[0, middle], gain * mean[middle], atol=1e-5)
    assert loudness_lufs(finished.samples) == pytest.approx(-26, abs=0.5)


@pytest.mark.parametrize("rate_hz", [None, 22_050])
def test_stereo_of_mono_is_the_same_twice(rate_hz: int | None) -> None:
    finished = finish(noise(1, channels=1), channels=2, sample_rate_hz=rate_hz).samples
    assert finished.shape == (2, rate_hz or RATE_HZ)
    np.testing.assert_array_equal(finished[0], finished[1])
    assert np.abs(finished).max() > 0.1


def test_channels_that_are_not_asked_for_stay_as_they_are() -> None:
    for channels in (1, 2):
        plain, asked = finish(noise(1, channels=channels)), finish(noise(1, channels=channels), channels=channels)
        np.testing.assert_array_equal(plain.samples, asked.samples)
        assert len(plain.samples) == channels


def test_many_channels_become_their_mean() -> None:
    six = noise(1, 0.05, channels=6)
    for channels in (1, 2):
        finished = finish(six, channels=channels, loudness_lufs=-30).samples
        alike = np.corrcoef(finished[-1, 4800:-4800], six.samples.mean(axis=0)[4800:-4800])
        assert (len(finished), alike[0, 1] > 0.9999) == (channels, True)


def test_channels_that_cancel_each_other_are_no_mono_sound() -> None:
    audio = noise(1)
    audio.samples[1] = -audio.samples[0]
    assert finish(audio, channels=2).quality["ok"]
    with pytest.raises(UnusableAudio):
        finish(audio, channels=1)


def test_the_model_keeps_its_samples() -> None:
    audio = tone(1, 200, 0.3)
    before = audio.samples.copy()
    finish(audio, sample_rate_hz=44_100, duration_s=0.9)
    np.testing.assert_array_equal(audio.samples, before)
