"""What each sound is made of, as data: the instruments, the effects behind them, the score that they play.

`level_db` is calibrated: at 90 bpm, in C, each sound alone measures -24 LUFS (tests/synth/test_balance.py),
so that layers of a mix are equally loud until a modifier says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Params = Mapping[str, float | str]
NodeSpec = tuple[str, Params]


@dataclass(frozen=True)
class Patch:
    """One sound. Parts are the sources by name; effects follow their sum, in order."""

    parts: Mapping[str, NodeSpec]
    level_db: float
    score: str = ""
    octave: int = 4
    effects: tuple[NodeSpec, ...] = ()
    air_hz: float = 14_000.0  # where a dark or distant noise begins to lose its top
    reverb_db: float = -60.0  # what goes into the shared reverb; -60 is nothing


def _voice(type_: str, **params: float | str) -> dict[str, NodeSpec]:
    return {"voice": (type_, params)}


PATCHES: Mapping[str, Patch] = {
    "rain": Patch(_voice("rain", density_hz=170, drop_hz=4800, body=0.4), 1.1),
    "thunder": Patch(
        _voice("noise", color="brown", gain_db=0),
        -6.8,
        "thunder",
        effects=(("svf", {"mode": "lowpass", "cutoff_hz": 260}), ("gain", {"gain_db": -50})),
        reverb_db=-6,
    ),
    "wind": Patch(_voice("wind", speed=0.5, gust_hz=0.2), -5.5, air_hz=1200),
    "surf": Patch(_voice("surf", period_s=7), -3.9, air_hz=4000),
    "stream": Patch(_voice("stream", rate=90), -2.2),
    "fire": Patch(_voice("fire", crackle_hz=12), 2.2),
    "birds": Patch(
        _voice("poly", waveform="sine", voices=4, attack_s=0.01, decay_s=0.1, sustain=0.6, release_s=0.04,
               vibrato_hz=17, vibrato_cents=150, cutoff_hz=16000),
        -2.7, "birds", reverb_db=-10,
    ),
    "crickets": Patch(
        _voice("poly", waveform="sine", voices=1, attack_s=0.2, sustain=1, release_s=0.3, cutoff_hz=16000),
        -3.8, "crickets",
        effects=(("tremolo", {"rate_hz": 28, "depth": 1}), ("tremolo", {"rate_hz": 1.4, "depth": 0.95})),
        reverb_db=-18,
    ),
    "hiss": Patch(_voice("noise", color="white", gain_db=0), -22.4,
                  effects=(("svf", {"mode": "lowpass", "cutoff_hz": 12000}),)),
    "pink_noise": Patch(_voice("noise", color="pink", gain_db=0), -16.5, air_hz=6000),
    "brown_noise": Patch(_voice("noise", color="brown", gain_db=0), -15.3, air_hz=800),
    "vinyl": Patch(
        {"voice": ("fire", {"crackle_hz": 9}), "hiss": ("noise", {"color": "pink", "gain_db": -28})}, -3.7,
        effects=(("svf", {"mode": "highpass", "cutoff_hz": 900}), ("saturate", {"drive_db": 20})),
    ),
    "pad": Patch(
        _voice("poly", waveform="saw", unison=3, detune_cents=9, spread=0.8, voices=8, attack_s=0.9,
        decay_s=1.5,
               sustain=0.85, release_s=1.2, cutoff_hz=1500, resonance=0.05, key_track=0.3, drift_cents=2),
        -10.0, "chords", 3, reverb_db=-10,
    ),
    "drone": Patch(
        _voice("poly", waveform="saw", unison=3, detune_cents=7, spread=0.9, voices=3, attack_s=1.0,
        sustain=1,
               release_s=1.5, cutoff_hz=700, resonance=0.1, drift_cents=3),
        -7.9, "drone", 2, effects=(("tremolo", {"rate_hz": 0.13, "depth": 0.35}),), reverb_db=-10,
    ),
    "choir": Patch(
        _voice("poly", waveform="triangle", unison=3, detune_cents=14, spread=0.8, voices=8, attack_s=0.5,
        sustain=0.9,
               release_s=0.8, cutoff_hz=2600, resonance=0.2, vibrato_hz=5.2, vibrato_cents=12, drift_cents=5),
        -11.7, "chords", 4, reverb_db=-5,
    ),
    "strings": Patch(
        _voice("poly", waveform="saw", unison=3, detune_cents=12, spread=0.9, voices=8, attack_s=0.35,
        sustain=0.9,
               release_s=0.6, cutoff_hz=3200, key_track=0.4, vibrato_hz=5.5, vibrato_cents=10, drift_cents=4),
        -12.4, "chords", 4, reverb_db=-8,
    ),
    "organ": Patch(
        _voice("poly", waveform="square", pulse_width=0.5, voices=8, attack_s=0.02, sustain=1, release_s=0.12,
               cutoff_hz=2400, key_track=0.5),
        -15.0, "chords", 4, effects=(("chorus", {"rate_hz": 5.5, "depth_ms": 0.6, "mix": 0.5}),),
        reverb_db=-10,
    ),
    "bass": Patch(
        _voice("poly", waveform="saw", voices=2, attack_s=0.006, decay_s=0.45, sustain=0.55, release_s=0.12,
               cutoff_hz=260, resonance=0.15, filter_env_octaves=1.6),
        -0.3, "bass", 2,
    ),
    "lead": Patch(
        _voice("poly", waveform="saw", unison=2, detune_cents=8, spread=0.3, voices=2, attack_s=0.015,
        decay_s=0.4,
               sustain=0.75, release_s=0.25, cutoff_hz=3200, resonance=0.15, filter_env_octaves=0.7,
               vibrato_hz=5.5,
               vibrato_cents=9),
        -3.7, "melody", 4, effects=(("delay", {"time_s": 0.33, "feedback": 0.3, "mix": 0.2, "ping_pong":
        1}),),
        reverb_db=-10,
    ),
    "flute": Patch(
        _voice("poly", waveform="triangle", voices=2, attack_s=0.07, decay_s=0.2, sustain=0.9, release_s=0.2,
               cutoff_hz=2800, vibrato_hz=5, vibrato_cents=14),
        -6.8, "melody", 5, reverb_db=-6,
    ),
    "brass": Patch(
        _voice("poly", waveform="saw", unison=2, detune_cents=6, spread=0.5, voices=8, attack_s=0.06,
        decay_s=0.5,
               sustain=0.7, release_s=0.25, cutoff_hz=900, filter_env_octaves=1.6, key_track=0.5),
        -9.1, "chords", 3, reverb_db=-8,
    ),
    "arp": Patch(
        _voice("poly", waveform="square", pulse_width=0.35, voices=4, attack_s=0.003, decay_s=0.22,
        sustain=0.15,
               release_s=0.15, cutoff_hz=1300, resonance=0.25, filter_env_octaves=1.8),
        -0.3, "arp", 4, effects=(("delay", {"time_s": 0.375, "feedback": 0.3, "mix": 0.18, "ping_pong": 1}),),
        reverb_db=-14,
    ),
    "keys": Patch(_voice("pluck", voices=10, decay_s=5, brightness=0.45, spread=0.3), 1.1, "broken", 4,
    reverb_db=-12),
    "electric_piano": Patch(
        _voice("poly", waveform="triangle", voices=8, attack_s=0.004, decay_s=1.6, sustain=0.1, release_s=0.4,
               cutoff_hz=1400, filter_env_octaves=1.2, key_track=0.4),
        1.6, "broken", 4,
        effects=(("tremolo", {"rate_hz": 4.5, "depth": 0.25}), ("chorus", {"rate_hz": 0.8, "depth_ms": 2,
        "mix": 0.35})),
        reverb_db=-12,
    ),
    "pluck": Patch(_voice("pluck", voices=8, decay_s=3, brightness=0.6, spread=0.4), 1.2, "broken", 4,
    reverb_db=-12),
    "mallet": Patch(
        _voice("bell", voices=8, decay_s=1.2, brightness=0.25, inharmonicity=0), 6.1, "broken", 5,
        reverb_db=-10),
    "bell": Patch(
        _voice("bell", voices=8, decay_s=3.5, brightness=0.5, inharmonicity=0.7), 3.4, "sparse", 5,
        reverb_db=-8),
    "bowl": Patch(
        _voice("bell", voices=4, decay_s=9, brightness=0.25, inharmonicity=0.35), 5.3, "sparse", 3,
        reverb_db=-8),
    "drums": Patch(
        {"kick": ("drum", {"kind": "kick", "decay_s": 0.3}),
         "snare": ("drum", {"kind": "snare", "decay_s": 0.18, "gain_db": -3}),
         "hat": ("drum", {"kind": "hat", "decay_s": 0.06, "gain_db": -9})},
        -4.4, "drums", reverb_db=-22,
    ),
    "kick": Patch(_voice("drum", kind="kick", decay_s=0.35), -6.0, "beats", reverb_db=-26),
    "hats": Patch(
        _voice("drum", kind="hat", decay_s=0.07), -2.6, "offbeats",
        effects=(("saturate", {"drive_db": 14}),), reverb_db=-22,
    ),
}  # fmt: skip
REVERB: Params = {"rt60_s": 2.4, "mix": 1.0, "damping_hz": 5000, "pre_delay_s": 0.015}
