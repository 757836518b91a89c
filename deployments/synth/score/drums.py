"""Scores of rhythm: patterns in sixteenths that belong to the theme, ghost notes, fills before something new."""

from collections.abc import Iterator

from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Note, Song

# A bar in sixteenths: X strong, x weak, o a ghost that is there by chance.
_KITS = (
    {"kick": "X.....o.X.x.....", "snare": "....X..o....X..o", "hat": "x.x.x.x.x.x.x.xo"},
    {"kick": "X..x....x.X.....", "snare": "....X.......X...", "hat": "x.xox.x.x.x.xox."},
    {"kick": "X.......X.......", "snare": "....X.......X..o", "hat": "xoxoxoxoxoxoxoxo"},
    {"kick": "X...X...X...X...", "snare": "....X.......X...", "hat": "..x...x...x...xo"},
    {"kick": "X.x.......x..x..", "snare": "....X..o.o..X...", "hat": "x.x.x.x.x.x.x.x."},
    {"kick": "X.........x.....", "snare": "........X......o", "hat": "x...x...x...x.o."},
)
_CALM = {"kick": "X...............", "snare": "........x.......", "hat": "....x.......x..."}
# Where a tempo is asked for all beats are alike: hat and a soft snare join the kick, and little is between.
_PULSES = (
    {"kick": "X.......X.....o.", "snare": "s...x...s...x...", "hat": "X.g.x.g.X.g.x.g."},
    {"kick": "X...X...X...X...", "snare": "s...s...s...s...", "hat": "X.g.X.g.X.g.X.g."},
    {"kick": "X.......X.g.....", "snare": "s...x...s...x..o", "hat": "X.g.x.g.X.g.x.g."},
)
_FORCES = {"X": 0.86, "x": 0.58, "s": 0.4, "g": 0.28}
_BETWEEN = 0.12  # the force of a ghost between two such beats
_WALTZ = {"kick": "X...........", "snare": "....x...x..o", "hat": "x...x...x.o."}
_ROLLS = ("L..h..h.L.h.h...", "L...h.h.L...h..h", "L.h.L..hh.h.L.h.", "L.......h...h.h.")
_ROLLS_PULSED = ("L...h...L...h...", "L.s.h...L.s.h...", "L...h.s.L...h.s.")
_NOTES = {"kick": 36, "snare": 38, "hat": 42}
_LENGTHS_S = {"kick": 0.1, "snare": 0.1, "hat": 0.05}


def drums(song: Song, player: Player) -> Iterator[Event]:
    """Kick, snare and hat after a pattern of the theme; the last bar of a section has a fill."""
    random = song.random(player.name)
    kits: dict[int, dict[str, str]] = {}
    step, bar = player.step_s(song, 0.25), 4 * song.beats
    for index, start in song.grid(step, 0.08):
        chord = song.chord_at(start)
        choices = _PULSES if song.pulse else _KITS
        kit = kits.setdefault(chord.section.theme, choices[int(random.integers(len(choices)))])
        if song.beats == 3:
            kit = _WALTZ
        elif player.pace <= -0.75:
            kit = _CALM
        place = index % bar
        filling = not song.pulse and chord.ends_section and chord.index > 0 and place >= bar - 4 and player.fill > 0.5
        for part, pattern in kit.items():
            mark = pattern[place % len(pattern)]
            if mark == "o":
                mark = "g" if random.random() < player.fill - 0.3 else "."
            if mark == "." and part == "snare" and filling and random.random() < 0.6:
                mark = "x"
            if mark != ".":
                force = _BETWEEN if song.pulse and mark == "g" else _FORCES[mark]
                velocity = force + 0.1 * float(random.random())
                velocity += 0.08 * (chord.section.energy - 0.5)
                yield Note(start, _LENGTHS_S[part], _NOTES[part], min(1.0, velocity), part)


def beats(song: Song, player: Player) -> Iterator[Event]:
    """One stroke on every beat, the first of the bar a little louder."""
    random = song.random(player.name)
    for index, start in song.grid(player.step_s(song, 1.0), 0.08):
        accent = 0.9 if index % song.beats == 0 and not song.pulse else 0.78
        yield Note(start, 0.1, _NOTES["kick"], accent + 0.06 * float(random.random()))


def offbeats(song: Song, player: Player) -> Iterator[Event]:
    """Eighths, louder between the beats: hats and shakers."""
    random = song.random(player.name)
    for index, start in song.grid(player.step_s(song, 0.5), 0.05):
        if song.pulse and index % 2 and player.speed <= 1:
            continue
        if index % 2 or song.pulse or random.random() < player.fill:
            loud = index % 2 == (0 if song.pulse else 1)
            soft = 0.1 if song.pulse else 0.4
            yield Note(start, 0.05, _NOTES["hat"], (0.7 if loud else soft) + 0.12 * float(random.random()))


def rolls(song: Song, player: Player) -> Iterator[Event]:
    """Hand drums: a low stroke on one, answers between, short rolls now and then; pitches around the player's."""
    random = song.random(player.name)
    patterns: dict[int, str] = {}
    choices = _ROLLS_PULSED if song.pulse else _ROLLS
    step = player.step_s(song, 0.25)
    low = max(player.policy.notes[0], 12 * (player.octave + 1))
    for index, start in song.grid(step, 0.08):
        theme = song.chord_at(start).section.theme
        mark = patterns.setdefault(theme, choices[int(random.integers(len(choices)))])[index % 16]
        if mark == "." and (song.pulse or random.random() > 0.1 * player.fill):
            continue
        answer = 0.8 if song.pulse else 0.6
        pitch, velocity = {"L": (low, 0.85), "h": (low + 5, answer)}.get(mark, (low + 7, 0.3))
        yield Note(start, 0.12, pitch, velocity + 0.1 * float(random.random()))
