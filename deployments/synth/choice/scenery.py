"""What a place, a style or a mood adds to what is named: its band, its weather, its tempo and scale."""

from deployments.synth.library.presets import library
from deployments.synth.library.search import preset_search
from deployments.synth.reading.names import is_natural
from deployments.synth.words.lexicon import HOURS, RHYTHM
from deployments.synth.words.mentions import Mention, Reading, singular

_ANY_MUSIC = frozenset(
    {"musik", "musique", "musica", "music", "musical", "song", "instrumental", "background music"}
)  # nobody's style
_BEATS = frozenset({"lofi", "lo fi"})  # "lofi beats" is music, "lofi drums" are drums
_EFFECT_FITS = 0.42


def add_scenery(reading: Reading) -> tuple[float | None, str | None]:
    """Add the sounds of scenes where the prompt names none; return their tempo and scale.

    A style that stands for itself brings its band beside what is named of it: "techno with a dark bass". In "jazz
    piano" it only says which piano.
    """
    scenic = {said for said, _, _ in reading.scenes}
    kinds = {mention.kind for mention in reading.mentions}
    named = {mention.kind for mention in reading.mentions if mention.words not in scenic}
    musical = {kind for kind in named if not is_natural(kind)}
    effects = _effects(reading)
    beats = all(singular(m.words) == "beat" for m in reading.mentions if m.words not in scenic and m.kind in musical)
    for said, scene, alone in sorted(reading.scenes, key=lambda entry: entry[0] in _ANY_MUSIC):
        styled = bool({"bass", *RHYTHM} & set(scene.sounds))  # a mood only fills silence
        fits = not musical or (alone and musical <= {*scene.sounds, None}) or (said in _BEATS and beats)
        wanted = (
            not named or (styled and fits and said not in _ANY_MUSIC) or (said in _ANY_MUSIC and alone and not musical)
        )
        if said in effects:
            continue
        if wanted and {kind for kind in kinds if not is_natural(kind)} <= musical:
            joined = [sound for sound in scene.sounds if sound not in kinds]
            reading.mentions += [
                Mention(said, sound, [*([] if said in _ANY_MUSIC else [said]), sound.replace("_", " ")])
                for sound in joined
            ]
            for mention in reading.mentions:
                if mention.kind in scene.sounds and said not in mention.query:
                    mention.query.append(said)
            if scene.sounds:
                break  # one band is enough
    _colour(reading)
    if musical - {None} or any({"bass", *RHYTHM} & set(scene.sounds) for _, scene, _ in reading.scenes):
        reading.mentions = [m for m in reading.mentions if m.words not in HOURS or m.words not in scenic]
    tempi = [scene.tempo_bpm for _, scene, _ in reading.scenes if scene.tempo_bpm]
    scales = [scene.scale for _, scene, _ in reading.scenes if scene.scale]
    return next(iter(tempi), None), next(iter(scales), None)


def _colour(reading: Reading) -> None:
    """Say the style of all with each instrument of which nothing is said: "chiptune: arpeggios, lead"."""
    for said, scene, alone in reading.scenes:
        if not alone or said in _ANY_MUSIC or not {"bass", *RHYTHM} & set(scene.sounds):
            continue
        for mention in reading.mentions:
            exact = mention.words != mention.kind and mention.words.replace(" ", "_") in library()
            if not is_natural(mention.kind) and mention.query == [mention.words] and not exact:
                mention.query.insert(0, said)


def _effects(reading: Reading) -> set[str]:
    """The styles that only colour an effect beside them: the "cinematic" of "cinematic boom"."""
    beside = [
        (said, mention)
        for said, _, _ in reading.scenes
        for mention in reading.mentions
        if mention.kind is None and said in mention.query
    ]
    found = preset_search().search_many([" ".join(mention.query) for _, mention in beside], 1) if beside else []
    best = zip(beside, (hits[0] for hits in found), strict=True)
    return {said for (said, _), hit in best if hit.preset.role == "FX" and hit.score >= _EFFECT_FITS}
