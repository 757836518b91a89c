"""Words that change a sound, as data: what each does, in the units of `Change`.

The table is also what an unknown word is judged by (axes.py), so that every line teaches more than its words.
Phrases are lower case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Change:
    """What a modifier does to a sound; several add up. `tempo` and `valence` concern the whole piece."""

    level_db: float = 0.0
    brightness: float = 0.0  # octaves of every cutoff
    intensity: float = 0.0  # octaves of rates: drops, gusts, notes
    register: float = 0.0  # octaves of pitch
    distance: float = 0.0  # 0 here, 1 far: more reverb
    width: float = 0.0  # -1 mono, 1 wide
    attack: float = 0.0  # octaves of attack and release times
    tempo: float = 0.0  # octaves of the tempo
    valence: float = 0.0  # -1 sad, 1 happy: minor or major


LIMITS = Change(
    level_db=15, brightness=2.5, intensity=2, register=2, distance=1, width=1, attack=2.5, tempo=1, valence=1
)

_LINES: Mapping[str, Change] = {
    # level
    "soft|softly|quiet|quietly|subtle|hushed|faint|faintly|whispering|whispered|muted|low volume|unobtrusive"
    "|dulcet|pianissimo|sotto voce|hush hush|bashful|tiptoeing|gossamer|low key|modest|murmuring"
    "|half heard|scarcely audible|dampened|softened|toned down|turned down|faded|wispy|meek|shy|reticent|noiseless"
    "|under the breath|discreet|barely audible|understated|restrained|feeble|inaudible|silent|murmured":
        Change(level_db=-6, brightness=-0.3),
    "gentle|gently|light|lightly|delicate|delicately|tender|tenderly|mild|easy|feathery|timid":
        Change(level_db=-3, intensity=-0.6, brightness=-0.2, attack=0.4),
    "loud|loudly|prominent|powerful|strong|strongly|booming|mighty|forceful|commanding|earth shaking|vociferous"
    "|resounding|clamorous|raucous|full throated|fortissimo|forte|noisy|at full volume|turned up|cranked"
    "|ear shattering|overpowering|in your face|emphatic|stentorian|full blast|boisterous|bellowing|shouting"
    "|hollering|assertive|bombastic|blaring|deafening|up front|ear splitting|in the foreground|foreground|dominant"
    "|bold|thunderous": Change(level_db=5),
    "heavy|intense|hard|roaring|aggressive|raging|massive|brutal|ferocious|fierce|violent|stormy|crushing":
        Change(level_db=3, intensity=0.8, brightness=0.2),
    "barely there|tucked away|low in the mix|in the back": Change(level_db=-7),
    # near and far
    "distant|distantly|outlying|half a mile away|over the hills|beyond the hills|behind the hill|down the valley"
    "|far flung|out at sea|over yonder|yonder|two streets away|from another room|in another room|out there"
    "|a long way off|long way off|far|faraway|remote|in the distance|far away|far off|in the background|background"
    "|receding|across the valley|on the horizon|miles away|from afar|off in the distance":
        Change(level_db=-8, brightness=-0.7, distance=1),
    "muffled|behind a wall|through a wall|next door|underwater|submerged|veiled|blanketed":
        Change(level_db=-4, brightness=-1.6, distance=0.3),
    "close|near|intimate|whisper close|at arm's length|beside you|at your ear|in your ear|next to you|within reach"
    "|close at hand|near field|on your shoulder|cheek to cheek|close mic|deadened|deadpan dry|bone dry|dry|nearby"
    "|up close|close up|adjacent|right here|in the room|at hand|anechoic|close miked":
        Change(level_db=1, distance=-0.35),
    "reverb|reverberant|spacious|echoing|echoey|vast|cathedral|in a cathedral|hall|concert hall|cavernous|cave"
    "|in a cave|big|huge|epic|wet|resonant|in a church|in a temple|drenched|hangar|stadium|canyon":
        Change(distance=0.6, width=0.3),
    # colour
    "dark|darkly|darker|dull|murky|sepulchral|umbral|cloudy|foggy|tarry|grimy|charcoal|midnight|sunken|leaden"
    "|rusty|sooty|stygian|swampy|dingy|crepuscular|twilit|somnolent|earthy|clouded|subfusc|unlighted|moonless"
    "|sunless|shaded|shadowed|blackened|ebony|obsidian|gothic|subterraneous|tomblike|cavelike|dusty"
    "|toneless|matte|lacklustre|lackluster|drab|stifled|smothered|damped|filtered|lowpassed|low passed|smoky|ashen"
    "|tar black|overcast|cimmerian|oily|treacly|peaty|dense black|mahogany|dim|shadowy|black|inky|dusky|muddy"
    "|tenebrous|sepia|nocturnal|woolly|blunted|lightless|unlit|pitch black|obscure|opaque|bassy":
        Change(brightness=-1.5),
    "warm|warmly|lush|rich|analog|analogue|round|smooth|velvety|mellow|creamy|woody|cosy|cozy|soothing|honeyed"
    "|buttery|wooden|plush|silky|rounded|subdued": Change(brightness=-0.7),
    "bright|brightly|brighter|shiny|brilliant|crisp|sparkling|effulgent|lambent|pellucid|clarion|zesty|tingling"
    "|fizzy|frosty|beaming|blinding|sunbeam|blazing|razor|diamond|starlit|lucid|limpid|refulgent|resplendent"
    "|coruscating|aglow|light filled|flaring|gilded|pearly|prismatic|sheer|translucent|transparent"
    "|white hot|bright as day|neon|laser|glaring|glossy|shining|sunshiny|snowy|steely|chiming|pristine"
    "|crackling bright|splashy|candescent|fluorescent|gleamy|lit up|treble heavy|trebles|hissy|toppy|open top"
    "|fiery|sparkly|glassy|airy|shimmering|shimmery|sharp|clear|luminous|radiant|glittering|glittery"
    "|gleaming|twinkling|crystalline|dazzling|glistening|glowing|silvery|vivid|sizzling|icy|trebly|brassy|lustrous"
    "|scintillating|tinkling|sunlit|incandescent|polished":
        Change(brightness=1.3),
    "harsh|piercing|shrill|tinny|metallic|abrasive|searing|strident|screaming|gritty|biting|edgy|razor sharp|acid"
    "|buzzy":
        Change(brightness=1.8, level_db=1),
    # register
    "low|deep|infra|subsonic|chthonic|cellar deep|baritone|contrabass|ground shaking|basso|bassy low|nether"
    "|rumbly|deeply|lower|subterranean|bottomless|cavern deep|low pitched|bass heavy"
    "|abyssal|rumbling low":
        Change(register=-1, brightness=-0.3),
    "high|higher|high pitched|stratospheric|treble register|chipmunk|altissimo|sky high|birdlike|squeaky|minuscule"
    "|miniature|wee|dainty|petite|elfin|pixie|tiny|small|little|soaring|lofty|falsetto|piping|up high"
    "|upper register|soprano":
        Change(register=1, brightness=0.2),
    # attack
    "slow attack|slowly rising|fading in|fade in|fades in|swelling|swells|creeping|billowing|seeping|tiptoeing in"
    "|stealing in|coming in slowly|slowly awakening|awakening|dawning|crescendo|materializing|materialising"
    "|welling up|welling|rising slowly|growing|swelled|bowed in|inching in|slow to speak|slow to start"
    "|building slowly|slow building|dissolving in|surging slowly|waking|breathing in|developing|building up"
    "|delayed onset|fades up|fade up|wafting|lazily rising|ebbing in|blooming|slow blooming|slow swelling"
    "|slow burning|gradual|gradually|emerging|unfolding|melting|oozing|drifting in|creeping in|growing slowly"
    "|soft attack|slow onset|gradual onset|long attack|easing in|gentle onset|rising out of nothing":
        Change(attack=2.2),
    "long|sustained|lingering|held|drawn out|legato|endless|flowing|floating|drifting|trailing|ringing":
        Change(attack=1.1, intensity=-0.5),
    "fast attack|sharp attack|hard attack|instant|instantly|instantaneous|immediate|abrupt|abruptly|sudden"
    "|whip crack|jabbing|pouncing|brusque|expeditious|fleet|slapped|jolting|snap|bam|stab|stabs|bolting"
    "|explosively|straightaway|pouncy|smacking|cracking|thwacking|hammered|pecking|plosive|at once"
    "|from the first instant|bitten|pinging|popped|zapping|whipping|thumping|blurting|startling"
    "|spring loaded|percussive|punchy|snappy|plucky|short attack|quick attack|stabbing|clicky|crisp attack"
    "|hard hitting|tight|explosive|popping|prompt|spiky|striking|slapping|sharp onset|immediate onset":
        Change(attack=-2.2),
    "short|staccato|clipped|choppy|brief|pointed|detached|stubby": Change(attack=-1.6),
    # pace
    "slow|slowly|sluggish|languorous|loitering|sleepwalking|tortoise like|soporific|stately|ambling|dilatory"
    "|trudging|lumbering|indolent|slothful|laggard|slow motion|half speed|half time|slow paced|dawdle"
    "|shuffling along|slowed down|slowed|creaking along|molasses|syrupy|snail like|lentissimo|grave tempo|andante"
    "|heavy footed|lagging|limping|strolling|procrastinating|poky|lackadaisical|unrushed|easygoing|easy going"
    "|moseying|somnambulant|bovine|inching|slumbering|deliberate|lazy|lazily|unhurried|leisurely|languid|lethargic"
    "|glacial|patient|plodding|crawling|dawdling|ponderous|torpid|meandering|sedate|tardy|dragging|snail paced"
    "|adagio|largo|lento|downtempo|slow moving":
        Change(attack=1.3, intensity=-0.6, tempo=-0.55),
    "evolving|shifting|morphing|undulating|breathing|wandering": Change(attack=1.0, intensity=-0.3),
    "fast|quick|quickly|rapid|rapidly|swift|brisk|hustling|sprinting|fleet footed|whirlwind|lightning quick"
    "|lightning fast|high speed|high velocity|turbo|blistering|rushed|dashing|speeding|scampering"
    "|skittering|spry|frenzied|hyperactive|manic|headlong|express|supersonic|prestissimo|vivace|quick fire"
    "|rapid fire|double speed|in a hurry|sprightly|whizzing|scrambling|hurtling|careering|fevered|feverish"
    "|pell mell|stampeding|quickened|sped up|jittery|twitchy|speedy|hurried|frantic|racing|galloping"
    "|darting|hasty|zippy|nimble|allegro|presto|uptempo|breakneck|hyper|accelerated|lively|hectic"
    "|scurrying|double time|fast moving":
        Change(attack=-1.3, intensity=0.8, tempo=0.5),
    "calm|calmly|peaceful|tranquil|serene|relaxed|relaxing|restful|sleepy|drowsy|hypnotic|still|placid|quieting"
    "|meditative|contemplative|at ease": Change(level_db=-1, intensity=-0.5, attack=0.8, tempo=-0.4, valence=0.2),
    "energetic|driving|upbeat|pumping|dynamic|vigorous|bouncy|propulsive|pounding|rolling|restless|agitated"
    "|frenetic|excited|urgent|hammering": Change(intensity=0.6, attack=-0.8, tempo=0.45, level_db=1),
    # density
    "sparse|sparsely|scattered|vacant|austere|ascetic|frugal|hermit like|scanty|scarce|depopulated|pared back"
    "|meagre|meager|desultory|thinly strewn|seldom struck|sprinkled|dotted|widely spaced|spaced apart|uncommon|odd"
    "|every so often|now and again|few notes|only a few|patchy|threadbare|economical|laconic|reserved|sprinkling"
    "|dribbling|trickling|hardly any|just a few|unpopulated|thinned|light handed|slender in notes|with long pauses"
    "|with pauses|with silence between|stop and go|spartan|airy and few|isolated few|occasional|occasionally|rare"
    "|rarely|infrequent|infrequently|minimal|minimalist|isolated|intermittent|sporadic|few|seldom|lonely|lone"
    "|single|solitary|now and then|every now and then|once in a while|from time to time|here and there|stray|spare"
    "|thinned out|thinly scattered|spaced out|few and far between|empty|bare|uncluttered|stripped down|barren"
    "|skeletal|irregular|sometimes|at times|on and off":
        Change(intensity=-1.3),
    "dense|densely|busy|busily|crowded|thronging|multitudinous|manifold|cascading|frothing|rampant|prolific"
    "|copious|unrelenting|a multitude of|multitude|jammed|stuffed|crammed|brimming|heaving|chock full"
    "|uninterrupted|persistent|perpetual|never ending|hyperdense|overloaded|populous|infested|thickly layered"
    "|layered thick|buzzing with notes|full of notes|flurrying|flurry of|barrage of|torrent of|stream of"
    "|flood of|numerous|myriad|innumerable|hordes of|ornate|florid|busier|stacked|steady stream of|unremitting"
    "|rapid succession of|clustered|massed|packed|thick|teeming|relentless|constant|constantly|continuous"
    "|incessant|nonstop|swarming|cluttered|saturated|jam packed|bustling|intricate|torrential|pouring|unceasing"
    "|ceaseless|abundant|plentiful|many|countless|profuse|bursting|overflowing|congested|again and again"
    "|over and over|chattering|unbroken":
        Change(intensity=1.2),
    # width
    "wide|widely|broad|stereo|immersive|surround|panoramic|encompassing|oceanic|stretched out|billboard|limitless"
    "|stereophonic|wide angle|wide screen|horizon wide|surrounds you|that surrounds you|wraps around you"
    "|room filling|filling the room|outspread|outstretched|extended to the sides|spread wide"
    "|spread across the room|edge to edge|left and right|binaural|spatial|wide field|ample|splayed"
    "|dispersed to the sides|fanned out|diffuse|voluminous|airy wide|spreading|360 degree|ultrawide|extra wide"
    "|super wide|roomy|wide as the sky|enveloping|expansive|all around|encircling|sprawling|widescreen|spread out"
    "|wide open|sweeping|boundless|surrounding|side to side|far and wide|three dimensional|open|wraparound"
    "|engulfing|wall to wall|from all sides|hard panned": Change(width=1),
    "mono|narrow|narrowly|keyhole|needle thin|laser focused|monaural|compressed|hemmed in|pencil thin"
    "|through a telephone|slender|squeezed into the middle|single speaker|tunnel like|strait"
    "|one dimensional|collapsed to mono|collapsed|flat mono|point like|point source|cramped in|enclosed"
    "|confined to the centre|confined to the center|straight down the middle|bottled up|bottled|shut in|closeted"
    "|tightly centred|tightly centered|centralised|centralized|concentrated|unspread|skinny|threadlike|boxed"
    "|centered|centred|focused|monophonic|pinpoint|confined|cramped|boxed in|boxy|squeezed|constricted|pinched"
    "|tightly focused|slim|claustrophobic|single point|dead centre|dead center|in the middle|thin|down the middle"
    "|closed in|compact|one speaker": Change(width=-1),
    # mood
    "sad|sadly|melancholic|melancholy|mournful|sorrowful|grieving|lonesome|wistful|tearful|bittersweet|heartbroken"
    "|tragic|bleak|desolate|despairing|forlorn|nostalgic|regretful": Change(valence=-1, tempo=-0.2, brightness=-0.3),
    "moody|gloomy|sombre|somber|brooding|noir|sullen|menacing|grim|ominous|sinister|foreboding|haunting|haunted"
    "|creepy|scary|eerie|threatening|doom|dread": Change(valence=-1, brightness=-1.2),
    "happy|happily|cheerful|joyful|joyous|uplifting|hopeful|playful|sunny|triumphant|merry|jolly|optimistic"
    "|carefree|festive|exuberant|blissful|delighted|gleeful": Change(valence=1, brightness=0.6, tempo=0.25),
    "dreamy|magical|ethereal|heavenly|celestial|misty|hazy|otherworldly":
        Change(valence=0.3, distance=0.35, attack=0.8),
}  # fmt: skip
CHANGES: Mapping[str, Change] = {phrase: change for line, change in _LINES.items() for phrase in line.split("|")}

# These stand behind what they change ("a bell now and then"), and so do all phrases of several words.
TRAILING = frozenset({"softly", "quietly", "gently", "slowly", "faintly", "sometimes", "occasionally", "rarely"})


def total(changes: Iterable[Change]) -> Change:
    """Sum modifiers; repeating them does not go on for ever."""
    added = list(changes)
    sums = {name: sum(getattr(change, name) for change in added) for name in NAMES}
    return Change(**{name: max(-limit, min(limit, sums[name])) for name, limit in vars(LIMITS).items()})


NAMES: Sequence[str] = tuple(field.name for field in fields(Change))
