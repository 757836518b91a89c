"""The score: what each layer plays, drawn from the seed, in order of time and only as far as one reads.

Every layer has a random stream of its own, so that leaving one out changes no other.
"""

from collections.abc import Callable, Iterator, Mapping

from deployments.synth.score import drums, figures, held, lines, sparse
from deployments.synth.score.feel import humanized
from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Song

Score = Callable[[Song, Player], Iterator[Event]]

# Scores that a preset may name; "none" is for what plays by itself.
SCORES: Mapping[str, Score] = {
    "none": lambda song, player: iter(()),
    "chords": held.chords,
    "drone": held.drone,
    "stabs": held.stabs,
    "bass": lines.bass,
    "melody": lines.melody,
    "arp": figures.arp,
    "broken": figures.broken,
    "strum": figures.strum,
    "drums": drums.drums,
    "beats": drums.beats,
    "offbeats": drums.offbeats,
    "rolls": drums.rolls,
    "sparse": sparse.sparse,
    "bowls": sparse.bowls,
    "swells": sparse.swells,
    "birds": sparse.birds,
    "crickets": sparse.crickets,
    "thunder": sparse.thunder,
}


def compose(song: Song, player: Player) -> Iterator[Event]:
    """Yield the events of one layer, the earliest first."""
    return humanized(song, player, SCORES[player.score](song, player))
