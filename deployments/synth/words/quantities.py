"""How much of something: of a quality ("no highs", "plenty of sheen"), of a thing ("less rain", "a hint of bells")."""

from collections.abc import Mapping

from deployments.synth.terms.change import Change

_BRIGHT, _DENSE = Change(brightness=1.3), Change(intensity=1.2)
# What much of a quality does, as in vocabulary.py.
_QUALITY_LINES: tuple[tuple[Change, str], ...] = (
    (_BRIGHT, "highs|high end|top end|treble|sheen|sparkle|glitter|gleam|shine|shimmer|brilliance|brightness|overtones"
              "|harmonics|upper harmonics|high frequencies|daylight|sunlight|bite|harshness|sizzle|presence"),
    (Change(brightness=-1.3), "darkness|gloom|murk|dullness|mud|muddiness"),
    (Change(intensity=-1.2), "gaps|gap|rests|pauses|pause|breaks|silence|silences|breathing room|stillness|empty space"
                             "|interruption|interruptions"),
    (_DENSE, "notes|hits|strokes|strikes|plucks|taps|activity|events|busyness|density"),
    (Change(attack=2.2), "delay|hesitation|fade|fade in|ramp|lag"),
    (Change(attack=-2.2), "punch|snap|attack|bang|click|clicks|transient|transients|accents"),
    (Change(attack=-1.2, brightness=0.9), "edge|edges"),
    (Change(brightness=-0.9), "warmth|roundness|mellowness|body"),
    (Change(width=1), "stereo|stereo image|stereo field|width|stereo width|spread|panning"),
    (Change(distance=0.6, width=0.3), "reverb|echo|echoes|reverberation|ambience"),
    (Change(level_db=5), "volume|loudness|force"),
    (Change(tempo=0.5, intensity=0.6), "urgency|haste|rush|speed|drive"),
    (Change(intensity=1.0, level_db=2), "energy|intensity|power"),
)  # fmt: skip
QUALITIES: Mapping[str, Change] = {noun: change for change, line in _QUALITY_LINES for noun in line.split("|")}

_SHARES: Mapping[float, str] = {
    1.2: "so much|so many|tons of|loads of|masses of|maximum|endless|nothing but|full of"
    "|oceans of|an ocean of|seas of|acres of|miles of|worlds of|mountains of|stretches of|long stretches of"
    "|vast stretches of|eternities of|an eternity of",
    1.0: "lots of|plenty of|a lot of|much|many|very many|loads|all|rich in|with much|strong|big",
    0.6: "more|some more|much more|added|extra|increased",
    0.3: "a bit of|a little|a touch of|a hint of|some more",
    -0.5: "less|little|few|fewer|not much|not many|reduced|limited|low",
    -0.8: "no|tiny|without|without any|hardly any|scarcely any|barely any|almost no|next to no|very little|very few"
    "|not any"
    "|zero|free of|devoid of|lacking|minimal|minimum|never any|lacking in|hardly a|no more|without a|not a|never a",
}
_SHARE_OF = {words: share for share, line in _SHARES.items() for words in line.split("|")}

# The ends of the spectrum as a mixing desk's knobs: "treble rolled off", "boosted lows", "turn up the top end".
_BANDS: Mapping[str, Change] = {
    **dict.fromkeys(
        (
            "treble", "trebles", "highs", "high end", "top end", "high frequencies", "upper frequencies",
            "high harmonics", "upper harmonics", "filter", "lowpass", "lowpass filter", "low pass filter", "cutoff",
            "filter cutoff",
        ),
        Change(brightness=1.5),
    ),
    **dict.fromkeys(
        ("lows", "low end", "bottom end", "bass frequencies", "low frequencies", "bass end"), Change(brightness=-1.0)
    ),
    "stereo width": Change(width=1),
    "tempo": Change(tempo=0.55, intensity=0.6, attack=-0.8),
    "density": Change(intensity=1.3),
    "attack time": Change(attack=2.2),
}  # fmt: skip
_TURNS: Mapping[float, str] = {
    1.0: "cranked|cranked up|boosted|pushed|pushed up|raised|lifted|turned up|up|dialled up|dialed up|emphasised"
    "|emphasized|accentuated|jacked up|maxed|maxed out|exaggerated|enhanced|increased|brought up|brought out"
    "|brought forward|opened up|wide open|forward|all the way up|added|hyped|heightened|goosed"
    "|open|opened|fully open|opening up|right up|high",
    -1.0: "rolled off|rolled away|rolled back|rolled down|cut|cut off|cut away|cut out|turned down|turned off|down"
    "|removed|tamed|taken off|taken out|taken away|reduced|filtered|filtered out|filtered off|attenuated|dialled back"
    "|dialed back|dialled down|dialed down|backed off|shaved off|muted|gone|missing|softened|killed|lowered|dampened"
    "|trimmed|trimmed off|pulled down|pulled back|pulled out|suppressed|all the way down|stripped|stripped out"
    "|stripped away|lopped off|sheared off|choked|dipped|absent|off"
    "|shut|closed|closed down|shut down|fully closed|nearly closed|almost closed|nearly shut|almost shut|right down"
    "|low",
}
_TURNED = {words: share for share, line in _TURNS.items() for words in line.split("|")}
_IMPERATIVES = {
    "crank": 1.0, "crank up": 1.0, "boost": 1.0, "push": 1.0, "raise": 1.0, "turn up": 1.0, "lift": 1.0,
    "open": 1.0, "open up": 1.0, "close": -1.0, "shut": -1.0,
    "roll off": -1.0, "cut": -1.0, "turn down": -1.0, "tame": -1.0, "reduce": -1.0, "remove": -1.0, "kill": -1.0,
}  # fmt: skip

_NOTHING_TONAL = frozenset({"no notes", "without notes", "without any notes"})

_LESS, _MORE = Change(level_db=-5, intensity=-0.3), Change(level_db=4, intensity=0.3)
_QUANTITY_LINES: tuple[tuple[Change, str], ...] = (
    (_LESS, "less|fewer|some less|not much|not many|not so much|not too much|not so many"),
    (_LESS.times(0.6), "a bit less|a little less|slightly less|somewhat less"),
    (_LESS.times(1.6), "much less|far less|way less|a lot less|even less|very little|very few"),
    (_MORE, "more|some more|additional|lots more"),
    (_MORE.times(0.6), "a bit more|a little more|slightly more|somewhat more|a little bit more"),
    (Change(level_db=3), "mostly|mainly|primarily|predominantly|chiefly|above all|first and foremost"),
    (_MORE.times(1.5), "much more|far more|way more|a lot more|even more"),
    (Change(level_db=3, intensity=0.8), "lots of|a lot of|plenty of|loads of|tons of|heaps of|masses of|full of"
     "|so much"),
    (Change(level_db=-6, intensity=-0.4), "a little bit of|a bit of|a hint of|a touch of|a dash of|a trace of"
     "|a whisper of|a pinch of|a suggestion of|a sprinkle of|a smidgen of"
     "|a breath of|just a hint|just a touch of|just a bit of"
     "|only a little|just a little|only a hint of|a little of|the slightest|the faintest"),
    (Change(level_db=-8, intensity=-0.6), "hardly any|barely any|scarcely any|almost no|next to no|practically no"
     "|virtually no"),
)  # fmt: skip
QUANTITIES: Mapping[str, Change] = {words: change for change, line in _QUANTITY_LINES for words in line.split("|")}


# Of these no more must be said than that they are there: "with bite", "with edge".
_ALONE = frozenset(
    (
        "sheen", "sparkle", "glitter", "gleam", "shine", "shimmer", "brilliance", "brightness", "bite", "harshness",
        "sizzle", "presence", "darkness", "gloom", "murk", "dullness", "hesitation", "punch", "snap", "edge", "edges",
        "urgency", "haste", "warmth", "roundness", "mellowness", "body", "width",
    )
)  # fmt: skip


def of_quality(phrase: str) -> Change | None:
    """What "hardly any highs" and "plenty of punch" do; None where it is no quantity of a quality."""
    parts = phrase.split(" ")
    if parts[0] == "with" and parts[-1] in _ALONE and len(parts) == 2:
        return QUALITIES[parts[1]]
    for at in range(1, len(parts)):
        share = _SHARE_OF.get(" ".join(parts[:at]))
        quality = QUALITIES.get(" ".join(parts[at:]))
        if phrase not in _NOTHING_TONAL and share is not None and quality is not None:
            return quality.times(share)
    return None


def of_a_band(phrase: str) -> Change | None:
    """What "treble rolled off", "boosted highs" and "roll off the lows" do; None for what tells no such end."""
    parts = [part for part in phrase.split(" ") if part != "the"]
    for at in range(1, len(parts)):
        before, after = " ".join(parts[:at]), " ".join(parts[at:])
        if before in _BANDS and after in _TURNED:
            return _BANDS[before].times(_TURNED[after])
        share = _TURNED.get(before, _IMPERATIVES.get(before))
        if share is not None and after in _BANDS:
            return _BANDS[after].times(share)
    return None
