"""What "no X" takes with it, and what it leaves."""

import pytest

from deployments.synth.choice.understand import understand
from deployments.synth.library.presets import library


def excluded(prompt: str) -> set[str]:
    return set(understand(prompt).excluded)


def sounds(prompt: str) -> set[str]:
    return {layer.sound for layer in understand(prompt).layers}


@pytest.mark.parametrize(
    ("what", "gone", "left"),
    [("drums", "kick hats taiko shaker claps", "bell pluck keys bass"),
     ("strings", "strings cellos solo_violin staccato_strings low_strings", "brass horn_section pluck nylon_guitar"),
     ("trumpets", "trumpet muted_trumpet", "flute brass clarinet"),
     ("guitars", "nylon_guitar clean_guitar distorted_guitar", "harp oud banjo"),
     ("church bells", "church_bell", "bell wind_chimes temple_bell"),
     ("bells", "church_bell bell wind_chimes", "keys glockenspiel"),
     ("organ", "organ jazz_organ cathedral_organ", "keys pad"),
     ("claps", "claps", "kick hats shaker techno_drums"),
     ("birds", "birds dawn_forest", "wind stream")],
)  # fmt: skip
def test_an_exclusion_takes_the_sorts_of_a_thing_and_nothing_else(what: str, gone: str, left: str) -> None:
    found = excluded(f"a pad, no {what}")
    assert set(gone.split()) <= found
    assert not set(left.split()) & found


@pytest.mark.parametrize(
    ("prompt", "kept"),
    [("lute and flute, hand drum, no modern instruments", "lute flute hand_drums"), ("kick, hats, no claps",
     "kick hats"),
     ("a ticking clock and wind; no melody, no percussion", "clock_ticking"), ("kick but no drums", "kick"),
     ("a flute, no woodwinds", "flute"), ("bells but no church bells", "bell"), ("a cello section, no orchestra",
     "cellos")],
)  # fmt: skip
def test_what_is_asked_outright_is_never_excluded_by_its_class(prompt: str, kept: str) -> None:
    assert set(kept.split()) <= sounds(prompt)


def test_what_is_taken_back_is_gone() -> None:
    assert sounds("a pad with drums, no drums") == {"pad"}
    assert "distorted_guitar" in excluded("a guitar, but no distorted guitar")


def test_the_field_excludes_even_what_is_asked_outright() -> None:
    assert {layer.sound for layer in understand("a pad and a kick", "percussion").layers} == {"pad"}


def test_no_drums_is_no_percussion_at_all() -> None:
    drums = {preset.id for preset in library().values() if preset.role == "PERCUSSION"}
    assert drums <= excluded("cinematic, never any drums")
