"""Which sounds come nearest to a prompt in which none is named."""

from collections.abc import Sequence

from deployments.synth.library.search import Hit, preset_search, words

_WHOLE_FITS = 0.25  # of a prompt in which nothing is named: unrelated words reach 0.2 to 0.29
_CLOSE = 0.9  # the share of the best score that makes the next one as good
_CLEARLY = 0.1
_NOTHING_SAID = "calm music"
_HITS = 40  # how far down the list of presets a kind's own is looked for


def nearest(prompts: Sequence[str], banned: set[str]) -> list[Hit]:
    """What the prompt as a whole is about, else what can carry a piece and comes nearest to it.

    The first is the whole; a part of it that is clearly nearer to something is what is meant.
    """
    said = bool(words(prompts[0]))
    found, *parts = preset_search().search_many(list(prompts) if said else [_NOTHING_SAID], _HITS)
    found = next((hits for hits in parts if hits[0].score > found[0].score + _CLEARLY), found)
    hits = [hit for hit in found if hit.preset.id not in banned]
    if said and hits and hits[0].score >= _WHOLE_FITS:
        next_ = [hit for hit in hits[1:2] if hit.preset.role != hits[0].preset.role]
        chosen = [hits[0], *(hit for hit in next_ if hit.score >= _CLOSE * hits[0].score)]
    else:
        pads = [hit for hit in hits if hit.preset.role in {"PAD", "STRINGS", "DRONE"}]
        others = [hit for hit in hits if hit.preset.role in {"KEYS", "PLUCK", "BELL", "ARP", "LEAD"}]
        chosen = [*pads[:1], *others[:1]] or hits[:1]
    return chosen
