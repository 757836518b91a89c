"""The things that can be heard and the words for them, as data: phrase -> kind, and what a scene consists of.

A kind is a preset (native/presets/) that stands for others like it: which of its role's presets is meant in the
end, the search decides by all the words around. Phrases are lower case; plurals are found by themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_SOUNDS = {
    # nature
    "rain": "rain|rainfall|raindrop|drizzle|shower|downpour|rainy|raining|rainstorm|monsoon|pitter patter"
    "|cloudburst|sleet|drizzly|raindrops|downpouring|bucketing|deluge|sprinkle|pluvial|pluvious|rainwater|squall"
    "|cats and dogs|mizzle|hail|hailstones|regen|pluie|lluvia|pioggia|chuva",
    "thunderstorm": "thunderstorm|thunder storm|electrical storm",
    "thunder": "thunder|lightning|rumble|rumbling|donner|tonnerre|trueno|gewitter|orage",
    "wind": "wind|breeze|gust|gale|windy|blizzard|howling|draft|vento|viento",
    "surf": "sea|ocean|wave|surf|beach|shore|seaside|coast|tide|seashore|breaker|comber|billow"
    "|whitecap|roller|undertow|backwash|ebb tide|groundswell|ground swell|lagoon|shoreline|shingle|coastline|seafront"
    "|atlantic|pacific|mediterranean|caribbean|baltic|high seas|brine|meer|wellen|vagues|olas",
    "stream": "stream|river|brook|creek|water|waterfall|fountain|babbling|bubbling|spring water|rapids",
    "fire": "fire|campfire|fireplace|flame|bonfire|hearth|crackling|crackle|ember|feuer|fuego",
    "birds": "bird|birdsong|birdsongs|birds singing|singing bird|chirp|chirping|dawn chorus|songbird|sparrow"
    "|starling|robin|nightingale|vogel|oiseaux|pajaro",
    "crickets": "cricket|cicada|insect|grasshopper",
    "hiss": "hiss|noise|white noise|static|steam",
    "fan": "fan|ventilator|ventilation|air conditioner|air conditioning|air con|aircon",
    "pink_noise": "pink noise",
    "brown_noise": "brown noise|red noise",
    "vinyl": "vinyl|vinyl crackle|record crackle|record noise|tape hiss|lofi noise",
    # held tones
    "pad": "pad|soundscape|chord|texture|synth|synthesizer|atmosphere|wash|swell|ambience|harmony|chords",
    "drone": "drone|tone|hum|om|buzz|tanpura|tambura|didgeridoo|shruti",
    "choir": "choir|vocoder|opera singer|voice|voices|vocal|choral|angelic|chant|singing|chor|choeur|coro",
    "strings": "string|string section|string ensemble|orchestra|orchestral|violin|viola|cello|symphony|symphonic"
    "|streicher|cuerdas",
    "organ": "organ|bandoneon|bandonion|melodeon|accordion|harmonium|church organ",
    # single lines
    "bass": "bass|bassline|bass line|sub|sub bass|bass guitar|upright bass|double bass|808",
    "lead": "lead|melody|solo|theme|synth lead|tune|lead line|saw lead",
    "flute": "flute|tin whistle|fife|ney|duduk|bansuri|quena|recorder|shakuhachi|whistle|pan flute"
    "|clarinet|oboe|woodwind|ocarina",
    "brass": "brass|cornet|flugelhorn|euphonium|bugle|horn|trumpet|trombone|fanfare|saxophone|tuba",
    "arp": "arp|arpeggio|arpeggiated|sequence|sequencer|arpeggiator|ostinato",
    # struck and plucked
    "keys": "keys|spinet|keyboard|piano|grand piano|upright piano|klavier",
    "electric_piano": "electric piano|rhodes|wurlitzer|epiano|e piano|clavinet",
    "distorted_guitar": "distorted guitar|electric guitar solo|rock guitar|metal guitar|lead guitar|heavy guitar"
    "|overdriven guitar|shredding guitar",
    "pluck": "pluck|balalaika|shamisen|bouzouki|guzheng|pipa|plucked|guitar|acoustic guitar|harp|lute|koto"
    "|sitar|banjo|ukulele|zither|mandolin|plucks"
    "|six string|twelve string|gitarre|guitare|guitarra|chitarra",
    "mallet": "marimba|kalimba|xylophone|vibraphone|mallet|thumb piano|music box|glockenspiel"
    "|celesta|steel drum"
    "|steelpan|hang drum|handpan",
    "bell": "bell|triangle|crotale|chime|wind chime|church bell|tubular bell|crystal|glocke|cloche|campana",
    "bowl": "bowl|singing bowl|tibetan bowl|gong|tibetan singing bowl",
    # rhythm
    "drums": "drum|tom|toms|tom tom|cajon|bodhran|timbale|drums|beat|percussion|rhythm|groove|drum loop"
    "|drum machine|breakbeat|drum kit|snare|clap|backbeat"
    "|909|707|606|schlagzeug|batterie",
    "kick": "kick|kick drum|bass drum|four on the floor|pulse|taiko",
    "heartbeat": "heartbeat|heart beat|heart beating|beating heart|pulse of a heart",
    "hats": "castanet|cowbell|guiro|agogo|hat|hi hat|hihat|cymbal|shaker|maraca|tambourine|ride cymbal",
}
SOUNDS: Mapping[str, str] = {phrase: sound for sound, line in _SOUNDS.items() for phrase in line.split("|")}

NATURE = frozenset(
    {"rain", "thunder", "thunderstorm", "wind", "surf", "stream", "fire", "birds", "crickets", "jungle", "underwater"}
)
NOISE = frozenset({"hiss", "fan", "pink_noise", "brown_noise", "vinyl"})
RHYTHM = frozenset({"drums", "kick", "hats", "heartbeat"})
# These say how something sounds, not what it is: in "cafe noise" and "ship horn" the word before is the thing.
GENERIC = frozenset(
    {"noise", "static", "hiss", "crackle", "water", "keyboard", "horn", "voice", "voices", "rumble", "buzz", "hum"}
    | {"tone", "ambience", "atmosphere", "soundscape", "texture", "pulse", "beat", "whistle"}
)
TONAL = frozenset(_SOUNDS) - NATURE - NOISE - RHYTHM

# "piano chords", "bell melody": beside a word for an instrument these name no sound of their own.
VAGUE = frozenset(
    {"chord", "synth", "synthesizer", "texture", "harmony", "tune", "melody", "theme", "solo", "sequence"}
    | {"soundscape", "ambience", "atmosphere", "wash", "lead", "swell"}
)

# Words for many sounds at once, as kinds or as roles; used where a prompt excludes something.
GROUPS: Mapping[str, frozenset[str]] = {
    phrase: frozenset(line.split())
    for phrases, line in {
        "music|musical|instrument|tonal sound": "PAD BASS LEAD ARP KEYS PLUCK BELL STRINGS DRONE PERCUSSION",
        "tone|note|harmony|pitched sound": "PAD BASS LEAD ARP KEYS PLUCK BELL STRINGS DRONE",
        "melody|lead|tune|solo": "LEAD ARP",
        "nature|nature sound|weather": "rain thunder wind surf stream fire birds crickets",
        "noise|hiss|static": "hiss pink_noise brown_noise vinyl",
        "percussion|drum|beat|rhythm|drumming|percussive sound|percussive|rhythmic": "PERCUSSION",
        "bass|low end|sub": "BASS",
        "bell|chime": "bell bowl",
        "vocal|voice|singing|lyric|speech|talking": "choir",
        "piano|keyboard|key": "keys electric_piano",
        "string|orchestra": "strings",
        "water|water sound": "rain surf stream",
        "animal|wildlife": "birds crickets",
        "synth|synthesizer": "PAD LEAD ARP",
    }.items()
    for phrase in phrases.split("|")
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
    storm__stormy__tempest=Scene((), ("rain", "wind", "thunder")),
    jungle__rainforest__tropics=Scene((), ("jungle",)),
    forest__woods__nature__nature_sound__meadow__garden__park=Scene((), ("birds", "wind")),
    forest_at_night__night_forest__woods_at_night=Scene((), ("crickets", "wind")),
    night__evening__swamp=Scene((), ("crickets",)),
    mountain__desert__arctic__winter=Scene((), ("wind",)),
    underwater__under_water__submarine=Scene((), ("underwater",)),
    space__cosmic__sci_fi__spaceship__alien__futuristic=Scene(("drone", "pad")),
    temple__meditation__meditative__yoga__zen__spa__healing=Scene(("pad", "bowl"), (), 60, "major_pentatonic"),
    sleep__sleeping__lullaby__bedtime__dormir__schlafen=Scene(("pad", "mallet"), (), 60, "major"),
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
    music__musical__instrumental__background_music__musik__musique__musica=Scene(("pad", "keys", "bass")),
)


# When, not what: crickets are heard at night where nobody plays.
HOURS = frozenset({"night", "evening"})
# Styles that are things as well, where they end what an article begins: "in an old house", "a rock by the sea".
OBJECTS = frozenset({"house", "rock", "swing", "trap", "country"})
DETERMINERS = frozenset("a an the my your our his her their this that".split())  # noqa: SIM905

# Modes that a mood asks for; sad and happy are in modifiers.py.
MOOD_SCALES: Mapping[str, str] = {
    word: scale
    for scale, line in {
        "dorian": "mysterious|mystical|medieval|celtic|funky",
        "lydian": "wonder|magical|weightless|wondrous|starry",
        "phrygian": "exotic|flamenco|sinister|ominous|menacing",
        "phrygian_dominant": "arabian|arabic|middle eastern|desert caravan|egyptian|oriental",
        "hirajoshi": "japanese|kyoto|zen garden",
        "blues": "bluesy|delta blues",
        "whole_tone": "dream sequence|underwater dream",
        "mixolydian": "irish|folk rock",
        "major_pentatonic": "chinese|lullaby",
    }.items()
    for word in line.split("|")
}

_NEGATIONS = (
    "no|neither|without|not|minus|except|except for|excluding|never|remove|avoid|omit|leave out|free of"
    "|everything but|all but|everything except|instead of|rather than|don't|dont|lacking|skip|not any|devoid of"
    "|nothing|nothing with|nothing that has|nothing involving|nothing containing|nothing like|no more|without any"
    "|other than|apart from|aside from|save for|non|sans|ohne|kein|keine|senza|sin|w/o|none of|in the absence of"
    "|nor|do without|get rid of|hate|i hate|dislike|can't stand|cannot stand|can't bear|can't have"
)
NEGATIONS = frozenset(_NEGATIONS.split("|"))
# A stop ends a clause: modifiers and negations do not reach over it.
_STOPS = (
    ",|.|;|:|with|but|over|under|beneath|behind|while|plus|then|featuring|above|alongside|accompanied by"
    "|together with|on top of|as well as|including|amid|amidst|along with|underneath|joined by|against"
    "|und|et|mit|avec|con|backed by|where|atop|and then|followed by|layered with"
)
STOPS = frozenset(_STOPS.split("|"))
# Words that name and change nothing.
_FILLERS = (
    "a|an|the|of|in|on|at|to|for|from|by|into|it|its|it's|is|are|be|that|which|who|as|like|some|something"
    "|sort|kind|bit|me|my|i|we|you|your|our|us|want|wanted|need|would|please|make|create|generate|give"
    "|play|add|use|have|has|having|get|let|put|very|really|quite|so|too|more|most|rather|fairly|extremely"
    "|super|pretty|somewhat|slightly|just|only|this|these|there|sound|sounds|sounding|audio|track|piece"
    "|loop|sample|recording|effect|clip|feel|feeling|feels|vibe|style|type|mood|and|or|nor|can|could"
    "|should|will|such|up|down|out|any|all|both|also|even|around|about|thing|things|note|notes|one|played"
    "|plays|playing|struck|hit|hits|stroke|strokes|strike|strikes|drop|drops|droplets|away|other|each|goes|going"
    "|two|three|waltz|waltzes|different|first|next|finally|lot|lots|mostly|mainly|half|start|starts|onset|attack|attacks|beginning|hour|hours|minute|minutes"
    "|second|seconds|time|times|must|do|does|did|shall|may|might|was|were|between|them|they|their"
    "|carries|carrying|carry|takes|taking|leads|leading|sings|rest|others|somewhere|anywhere|elsewhere|can't|cannot|couldn't|won't|wouldn't|i'm|i'd|i'll|i've|you're|we're|let's|that's|there's|keep|keeps|keeping|kept"
)
FILLERS = frozenset(_FILLERS.split("|"))

# What stands before one of these may be a thing of its own: "bees in a meadow".
PREPOSITIONS = frozenset("in at on by near inside outside through beside around during across from into".split())  # noqa: SIM905
# What is done to a sound; no sound of its own.
_EFFECTS = (
    "distortion|overdrive|fuzz|tremolo|vibrato|chorus|delay|phaser|flanger|filter|wah|saturation|compression|glide"
    "|portamento|release|decay|attack|resonance|sustain|bow|mallet|brushes|pedal"
)
EFFECTS = frozenset(_EFFECTS.split("|"))

# What stands for a role when the prompt names no instrument.
ROLE_SOUNDS: Mapping[str, str] = {
    "PAD": "pad", "BASS": "bass", "LEAD": "lead", "ARP": "arp", "KEYS": "keys", "PLUCK": "pluck", "BELL": "bell",
    "STRINGS": "strings", "PERCUSSION": "drums", "DRONE": "drone", "FX": "hiss", "AMBIENCE": "wind",
}  # fmt: skip
