"""One layer as the composer sees it: which score it plays, where, and how busily."""

from dataclasses import dataclass

from deployments.synth.score.song import Song
from deployments.synth.terms.roles import RolePolicy


@dataclass(frozen=True)
class Player:
    """`name` seeds its choices; `octave` 4 starts at middle C; `pace` is in octaves of the usual rate."""

    name: str
    score: str
    octave: int
    policy: RolePolicy
    pace: float = 0.0

    @property
    def speed(self) -> float:
        """How many times faster than usual: a power of two, so that it stays on the beat."""
        return float(2.0 ** max(-2, min(2, round(self.pace))))

    @property
    def fill(self) -> float:
        """The share of notes that may be there and are: what of the pace is no power of two."""
        return max(0.3, min(1.0, 0.72 + 0.5 * (self.pace - round(self.pace))))

    def step_s(self, song: Song, beats: float) -> float:
        """A step of so many beats at this player's speed, doubled or halved until the role's pace allows it."""
        step, (slowest_hz, fastest_hz) = beats * song.beat_s / self.speed, self.policy.onsets_hz
        while step * fastest_hz < 1:
            step *= 2
        while step * slowest_hz > 1:
            step /= 2
        return step

    def window(self, span: int) -> tuple[int, int]:
        """The pitches of a voice or of a chord: `span` semitones from the octave's start, within the role's."""
        low, high = self.policy.notes
        start = max(low, min(12 * (self.octave + 1), high - span))
        return start, min(high, start + span)

    def pitch(self, song: Song, degree: int, octaves: int = 0) -> int:
        """The note of a degree in this player's octave, folded into the role's register."""
        return song.tonality.within(degree, self.octave + octaves, *self.policy.notes)
