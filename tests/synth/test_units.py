"""Foreign units come out as the engine's, and nonsense is refused with what is possible."""

import pytest

from deployments.synth.terms.units import UnitError, to_unit


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("250 ms", "s", 0.25),
        ("2 min", "s", 120),
        ("1.5", "s", 1.5),
        ("0.004 s", "ms", 4),
        ("2.5 kHz", "Hz", 2500),
        ("A3", "Hz", 220),
        ("C4", "Hz", 261.6256),
        ("Bb-1", "Hz", 14.5676),
        ("F♯2", "Hz", 92.4986),
        ("midi 57", "Hz", 220),
        ("69 midi", "Hz", 440),
        ("30 /min", "Hz", 0.5),
        ("120 bpm", "Hz", 2),
        ("-6 dB", "dB", -6),
        ("-6dB", "dB", -6),
        ("-13,2 dB", "dB", -13.2),
        ("−13.2 dB", "dB", -13.2),  # noqa: RUF001
        ("2,5 kHz", "Hz", 2500),
        ("0,250 s", "s", 0.25),
        ("0,5", "dB", -6.0206),
        ("0.5", "dB", -6.0206),
        ("50 %", "dB", -6.0206),
        ("40 %", "", 0.4),
        ("-6 dB", "", 0.50119),
        ("0.5 st", "cent", 50),
        ("1 octave", "semitone", 12),
        ("7 st", "octave", 7 / 12),
        ("3", "count", 3),
        (440, "Hz", 440),
        (-6.5, "dB", -6.5),
    ],
)
def test_foreign_units(text: float | str, unit: str, expected: float) -> None:
    assert to_unit(text, unit) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("250 Hz", "s"),
        ("3 apples", "Hz"),
        ("H3", "Hz"),
        ("A3", "s"),
        ("-0.5", "dB"),
        ("0", "dB"),
        ("40 %", "s"),
        ("", "s"),
        ("nan", "Hz"),
        ("1,000 Hz", "Hz"),
        ("1,2,3 s", "s"),
        ("1e400 Hz", "Hz"),
        ("3 st", "count"),
    ],
)
def test_what_is_no_such_quantity_is_refused_with_examples(text: str, unit: str) -> None:
    with pytest.raises(UnitError) as caught:
        to_unit(text, unit)
    assert f"'{text}'" in str(caught.value)
    assert "write" in str(caught.value) or "number" in str(caught.value)
