"""Settings in words reach the aspect that they name, whatever stands between the two."""

import pytest

from deployments.synth.choice.understand import understand
from deployments.synth.reading.knobs import settled


@pytest.mark.parametrize(
    ("prompt", "aspect", "up"),
    [
        ("oboe with the tone control rolled right back", "brightness", False),
        ("oboe, the filter is almost completely open", "brightness", True),
        ("strings with its high frequencies set to zero", "brightness", False),
        ("organ; turn its highs all the way up", "brightness", True),
        ("organ with the width set to its minimum", "width", False),
        ("organ; stereo spread at 100 %", "width", True),
        ("marimba at a quarter of the usual speed", "tempo", False),
        ("marimba in top gear", "tempo", True),
        ("marimba, note density reduced", "intensity", False),
        ("flute two octaves higher than usual", "register", True),
        ("flute an octave below the others", "register", False),
        ("cello that comes in over four seconds", "attack", True),
        ("cello that fades in within 10 ms", "attack", False),
        ("cellos that take their time", "attack", True),
        ("oboe with no onset at all", "attack", True),
        ("oboe with a velvet front", "attack", True),
        ("oboe with a steel front", "attack", False),
        ("oboe with bite", "brightness", True),
        ("oboe with much roundness", "brightness", False),
        ("toms by the bucketful", "intensity", True),
        ("bongos, just the odd one", "intensity", False),
    ],
)
def test_what_is_set_moves_that_way(prompt: str, aspect: str, up: bool) -> None:
    (layer,) = understand(prompt).layers
    moved = getattr(layer.change, aspect)
    assert moved > 0 if up else moved < 0


@pytest.mark.parametrize("text", ["spread out wide", "high up in the top of the tree", "a pad at full volume"])
def test_what_is_no_setting_stays(text: str) -> None:
    assert settled(text) == text


@pytest.mark.parametrize(
    ("prompt", "tempo_bpm"),
    [
        ("a kick drum twice a second", 120),
        ("claps, three beats per second", 180),
        ("organ, M.M. 66", 66),
        ("organ, MM = 66", 66),
    ],
)
def test_strokes_a_second_are_a_tempo(prompt: str, tempo_bpm: float) -> None:
    assert understand(prompt).tempo_bpm == tempo_bpm


@pytest.mark.parametrize(
    ("prompt", "aspect", "up"),
    [
        ("harp, chattering on without ever leaving a hole", "intensity", True),
        ("harp, as if buried in a wet cellar", "brightness", False),
        ("organ: the start slowly swells up to you", "attack", True),
    ],
)
def test_a_clause_without_a_sound_describes_the_sound_before(prompt: str, aspect: str, up: bool) -> None:
    (layer,) = understand(prompt).layers
    moved = getattr(layer.change, aspect)
    assert moved > 0 if up else moved < 0
