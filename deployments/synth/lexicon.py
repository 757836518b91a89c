"""The words that the synth knows, as data: phrases -> sounds, and phrases -> what they change about a sound.

A sound is the id of a preset (native/presets/). Phrases are lower case; plurals are found by themselves. To
teach a word, add it to its line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_SOUNDS = {
    # nature
    "rain": "rain|rainfall|raindrop|drizzle|shower|downpour|rainy|raining|rainstorm|monsoon|pitter patter",
    "thunder": "thunder|lightning|rumble|rumbling",
    "wind": "wind|breeze|gust|gale|windy|blizzard|howling|draft",
    "surf": "sea|ocean|wave|surf|beach|shore|seaside|coast|tide|seashore",
    "stream": "stream|river|brook|creek|water|waterfall|fountain|babbling|bubbling|spring water|rapids",
    "fire": "fire|campfire|fireplace|flame|bonfire|hearth|crackling|crackle|ember",
    "birds": "bird|birdsong|birdsongs|chirp|chirping|dawn chorus|songbird|sparrow",
    "crickets": "cricket|cicada|insect|grasshopper",
    "hiss": "hiss|noise|white noise|static|steam|air conditioner|fan|ventilation",
    "pink_noise": "pink noise",
    "brown_noise": "brown noise|red noise|rushing|airplane cabin|cabin noise|engine|traffic|highway",
    "vinyl": "vinyl|vinyl crackle|record crackle|record noise|tape hiss|lofi noise",
    # held tones
    "pad": "pad|soundscape|chord|texture|synth|synthesizer|atmosphere|wash|swell|ambience|harmony|chords",
    "drone": "drone|hum|om|buzz|tanpura|tambura|didgeridoo|shruti",
    "choir": "choir|voice|voices|vocal|choral|angelic|chant|singing",
    "strings": "string|string section|string ensemble|orchestra|orchestral|violin|viola|cello|symphony|symphonic",
    "organ": "organ|accordion|harmonium|church organ",
    # single lines
    "bass": "bass|bassline|bass line|sub|sub bass|bass guitar|upright bass|double bass|808",
    "lead": "lead|melody|solo|theme|synth lead|tune|lead line|saw lead",
    "flute": "flute|recorder|shakuhachi|whistle|pan flute|clarinet|oboe|woodwind|ocarina",
    "brass": "brass|horn|trumpet|trombone|fanfare|saxophone|tuba",
    "arp": "arp|arpeggio|arpeggiated|sequence|sequencer|arpeggiator|ostinato",
    # struck and plucked
    "keys": "keys|keyboard|piano|grand piano|upright piano",
    "electric_piano": "electric piano|rhodes|wurlitzer|epiano|e piano|clavinet",
    "pluck": "pluck|plucked|guitar|acoustic guitar|harp|lute|koto|sitar|banjo|ukulele|zither|mandolin|plucks",
    "mallet": "marimba|kalimba|xylophone|vibraphone|mallet|thumb piano|music box|glockenspiel"
    "|celesta|steel drum"
    "|steelpan|hang drum|handpan",
    "bell": "bell|chime|wind chime|church bell|tubular bell|crystal",
    "bowl": "bowl|singing bowl|tibetan bowl|gong|tibetan singing bowl",
    # rhythm
    "drums": "drum|drums|beat|percussion|rhythm|groove|drum loop|drum machine|breakbeat|drum kit|snare|clap|backbeat",
    "kick": "kick|kick drum|bass drum|four on the floor|heartbeat|pulse|taiko",
    "hats": "hat|hi hat|hihat|cymbal|shaker|maraca|tambourine|ride cymbal",
}
SOUNDS: Mapping[str, str] = {phrase: sound for sound, line in _SOUNDS.items() for phrase in line.split("|")}

NATURE = frozenset({"rain", "thunder", "wind", "surf", "stream", "fire", "birds", "crickets"})
NOISE = frozenset({"hiss", "pink_noise", "brown_noise", "vinyl"})
RHYTHM = frozenset({"drums", "kick", "hats"})
TONAL = frozenset(_SOUNDS) - NATURE - NOISE - RHYTHM

# "piano chords", "bell melody": beside a word for an instrument these name no sound of their own.
VAGUE = frozenset(
    {"chord", "synth", "synthesizer", "texture", "harmony", "tune", "melody", "theme", "solo", "sequence"}
    | {"soundscape", "ambience", "atmosphere", "wash", "lead", "swell"}
)

# Words for many sounds at once; used where a prompt excludes something.
GROUPS: Mapping[str, frozenset[str]] = {
    "music": TONAL | RHYTHM,
    "musical": TONAL | RHYTHM,
    "instrument": TONAL | RHYTHM,
    "tone": TONAL,
    "note": TONAL,
    "nature": NATURE,
    "nature sound": NATURE,
    "noise": NOISE,
    "percussion": RHYTHM,
    "drum": RHYTHM,
    "beat": RHYTHM,
    "rhythm": RHYTHM,
    "bell": frozenset({"bell", "bowl"}),
    "vocal": frozenset({"choir"}),
    "piano": frozenset({"keys", "electric_piano"}),
    "string": frozenset({"strings"}),
}


@dataclass(frozen=True)
class Scene:
    """What a place, a style or a mood sounds like when the prompt names no instrument of its own."""

    sounds: tuple[str, ...]
    nature: tuple[str, ...] = ()  # also joins instruments that are named
    tempo_bpm: float | None = None
    scale: str | None = None


def _scenes(**lines: Scene) -> dict[str, Scene]:
    return {phrase.replace("_", " "): scene for key, scene in lines.items() for phrase in key.split("__")}


SCENES: Mapping[str, Scene] = _scenes(
    storm__stormy__tempest__thunderstorm=Scene((), ("rain", "wind", "thunder")),
    forest__woods__jungle__nature__meadow__garden__park=Scene((), ("birds", "wind")),
    night__evening__swamp=Scene((), ("crickets",)),
    mountain__desert__arctic__winter=Scene((), ("wind",)),
    underwater__submarine__whale=Scene(("drone",), ("brown_noise",)),
    space__cosmic__sci_fi__spaceship__alien__futuristic=Scene(("drone", "pad")),
    temple__meditation__meditative__yoga__zen__spa__healing=Scene(("pad", "bowl"), (), 60, "major_pentatonic"),
    sleep__sleeping__lullaby__bedtime=Scene(("pad", "mallet"), (), 60, "major"),
    ambient__relaxing__relaxation__peaceful__calm__calming__dreamy__ethereal__serene=Scene(("pad",), (), 66),
    focus__study__concentration=Scene(("pad", "electric_piano"), (), 72),
    lofi__lo_fi__chillhop=Scene(("electric_piano", "bass", "drums"), ("vinyl",), 76, "minor"),
    chill__chillout__downtempo__trip_hop=Scene(("electric_piano", "bass", "drums"), (), 88),
    techno__trance__rave=Scene(("kick", "hats", "bass", "arp"), (), 130, "minor"),
    house__edm__dance__disco__club__electronic=Scene(("drums", "bass", "pad", "arp"), (), 122),
    drum_and_bass__dnb__jungle_beat=Scene(("drums", "bass", "pad"), (), 172, "minor"),
    hip_hop__rap__trap__boom_bap=Scene(("drums", "bass", "keys"), (), 86, "minor"),
    synthwave__retrowave__eighties__80s=Scene(("drums", "bass", "arp", "pad"), (), 100, "minor"),
    jazz__swing__bossa_nova=Scene(("electric_piano", "bass", "hats"), (), 112, "dorian"),
    rock__pop__funk__song=Scene(("drums", "bass", "keys"), (), 116),
    folk__country__acoustic=Scene(("pluck", "flute"), (), 96, "major"),
    classical__romantic__baroque=Scene(("keys", "strings"), (), 84),
    cinematic__epic__trailer__soundtrack__film__heroic=Scene(("strings", "brass", "kick"), (), 84, "minor"),
    horror__scary__eerie__creepy__haunted__ominous__tense=Scene(("drone", "bell"), (), 56, "phrygian"),
    game__arcade__chiptune__8_bit__video_game=Scene(("arp", "lead", "drums"), (), 138, "major"),
    music__musical__instrumental__background_music=Scene(("pad", "keys", "bass")),
)


@dataclass(frozen=True)
class Change:
    """What a modifier does to a sound; the fields of several add up."""

    level_db: float = 0.0
    brightness: float = 0.0  # octaves of every cutoff
    intensity: float = 0.0  # octaves of rates: drops, gusts, notes
    register: int = 0  # octaves of pitch
    distance: float = 0.0  # 0 here, 1 far: more reverb
    width: float = 0.0  # -1 mono, 1 wide
    attack: float = 0.0  # octaves of attack and release times


_CHANGES = {
    "soft|softly|quiet|quietly|subtle|hushed|faint|faintly|mellow|whispering": Change(level_db=-6, brightness=-0.3),
    "gentle|gently|light|delicate|tender|mild|calm": Change(level_db=-3, intensity=-0.7, brightness=-0.2),
    "loud|loudly|prominent|powerful": Change(level_db=4),
    "heavy|strong|intense|hard|torrential|roaring|driving|aggressive|raging|massive|pouring": Change(
        level_db=3, intensity=1, brightness=0.2
    ),
    "distant|far|faraway|remote|in the distance|far away|in the background|background|muffled": Change(
        level_db=-9, brightness=-1, distance=1
    ),
    "close|near|intimate|dry|nearby": Change(distance=-0.3),
    "dark|darker|moody|gloomy|sombre|somber|brooding|dull|murky": Change(brightness=-1.4),
    "warm|warmly|lush|rich|analog|analogue|round|smooth|mellow tone": Change(brightness=-0.6),
    "bright|brighter|shiny|brilliant|crisp|sparkling|glassy|airy|shimmering|sharp|clear": Change(brightness=1.2),
    "low|deep|lower|sub-bass": Change(register=-1, brightness=-0.2),
    "high|higher|tiny|small": Change(register=1),
    "slow|slowly|evolving|long|sustained|lazy|sparse|occasional": Change(intensity=-1, attack=0.7),
    "fast|quick|rapid|busy|energetic|rolling|frantic|dense": Change(intensity=1, attack=-1),
    "short|staccato|punchy|tight|snappy": Change(attack=-1.5),
    "wide|stereo|immersive|surround|panoramic": Change(width=1),
    "mono|narrow|centered|centred": Change(width=-1),
    "reverb|reverberant|spacious|echoing|vast|cathedral|hall|cavernous|cave|big|huge|epic|wet": Change(distance=0.6),
}
CHANGES: Mapping[str, Change] = {phrase: change for key, change in _CHANGES.items() for phrase in key.split("|")}
# These stand behind what they change ("thunder in the distance").
TRAILING = frozenset({"in the distance", "far away", "in the background", "softly", "quietly", "gently", "slowly"})

MOOD_SCALES: Mapping[str, str] = {
    word: scale
    for line, scale in {
        "sad|dark|melancholic|melancholy|moody|gloomy|sombre|somber|brooding|mournful|lonely|noir": "minor",
        "happy|cheerful|joyful|uplifting|hopeful|bright|playful|sunny|triumphant": "major",
        "mysterious|mystical|medieval": "dorian",
        "dreamy|magical|floating|wonder": "lydian",
        "exotic|eastern|middle eastern": "phrygian",
    }.items()
    for word in line.split("|")
}
MOOD_TEMPI: Mapping[str, float] = {
    "slow": 60.0, "calm": 66.0, "relaxed": 72.0, "relaxing": 66.0, "upbeat": 124.0, "energetic": 128.0,
    "fast": 140.0, "driving": 128.0, "lively": 120.0, "frantic": 160.0, "steady": 100.0, "midtempo": 100.0,
}  # fmt: skip

NEGATIONS = frozenset({"no", "without", "not", "minus", "except", "excluding", "never", "remove", "avoid"})
# A stop ends a clause: modifiers and negations do not reach over it.
STOPS = frozenset({",", ".", ";", ":", "with", "but", "over", "under", "beneath", "behind", "while", "plus", "then"})

# What stands for a role when the prompt names no instrument.
ROLE_SOUNDS: Mapping[str, str] = {
    "PAD": "pad", "BASS": "bass", "LEAD": "lead", "ARP": "arp", "KEYS": "keys", "PLUCK": "pluck", "BELL": "bell",
    "STRINGS": "strings", "PERCUSSION": "drums", "DRONE": "drone", "FX": "hiss", "AMBIENCE": "wind",
}  # fmt: skip
