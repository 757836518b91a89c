"""A prompt taken apart: which things it mentions, what it says about each of them, about all, and what it rules out.

Words are looked up, the longest phrase first; nothing is guessed here. A modifier belongs to the thing that it
stands before, or behind in its clause; a clause of modifiers alone belongs to what follows, or to everything.
"""

from collections.abc import Mapping, Sequence

from deployments.synth.library.presets import library
from deployments.synth.reading.clauses import SOFT, Clause, clauses
from deployments.synth.reading.names import ARTICLES, compounds, is_heard, is_natural
from deployments.synth.reading.phrases import EXCEPTIONS, LIKENING, THAN, split
from deployments.synth.terms.change import Change, total
from deployments.synth.words import lexicon
from deployments.synth.words.lexicon import (
    EFFECTS,
    FILLERS,
    GROUPS,
    NEGATIONS,
    PREPOSITIONS,
    SCENES,
    SOUNDS,
    VAGUE,
    Scene,
)
from deployments.synth.words.mentions import Mention, Reading, is_same, referred, singular
from deployments.synth.words.modifiers import CHANGES, TRAILING, is_of_an_onset, is_turned_around
from deployments.synth.words.quantities import QUANTITIES, of_a_band, of_quality

_KEPT_BESIDE = frozenset({"besides"})
# "Everything in mono" and "narrow stereo, please" are said of the whole.
_WHOLE = frozenset(
    {"everything", "overall", "whole", "entire", "mix", "stereo", "image", "altogether", "throughout", "panorama"}
)
# "No sudden noises" refuses what is sudden, not the noises; "no other instruments" all of them.
_ANY_SOUND = frozenset({"noise", "sound", "tone", "note", "music", "instrument"})
_OTHERS = frozenset(
    {"additional", "extra", "further", "accompanying", "backing", "background", "musical", "actual", "other"}
)
_RELATIVES = frozenset({"that", "which", "who"})
_TURNED_AROUND = -0.8
_IDIOM = 3  # words


def read(text: str) -> Reading:
    """Take a prompt apart. Any text can be read."""
    phrases = list(split(text))
    reading = Reading(phrases=[phrase for phrase, _ in phrases])
    carried: list[Change] = []
    negation = ""
    for clause in clauses(phrases):
        if negation and not clause.goes_on():
            negation = ""
        carried, negation = _Reader(reading, clause, carried, negation).read()
    reading.everywhere += carried
    reading.mentions = referred(reading.mentions)
    return reading


class _Reader:
    """Reads one clause into the reading."""

    def __init__(self, reading: Reading, clause: Clause, carried: list[Change], negation: str) -> None:
        self.reading, self.clause, self.negation = reading, clause, negation
        self.pending = list(carried)
        self.run: list[str] = []  # words that no table knows
        self.apart: list[str] = []  # the part of them before a preposition
        self.query: list[str] = []
        self.mentions: list[Mention] = []
        self.refused = False
        self.turned: list[Change] = []  # qualities after a negation
        self.previous = ""
        self.purpose = False  # after "for": no thing that is heard
        self.whole = self.compared = self.placed = False
        self.article = ""
        self.scenes: list[tuple[str, Scene]] = []
        self.beside: str | None = None  # the phrase of a thing that stands directly before
        self.likened = False  # after "like" behind a thing: what follows is not heard itself

    def read(self) -> tuple[list[Change], str]:
        """Return the modifiers that wait for the next clause, and the negation that reaches into it."""
        for at, (phrase, words) in enumerate(self.clause.phrases):
            self.placed = self.clause.is_object(at)
            if self._is_exception(phrase):
                self._close()
                self.negation = ""
            elif phrase in NEGATIONS:
                self._close()
                self.negation, self.refused = phrase, False
            elif phrase.startswith(("no ", "without ")) and phrase in CHANGES and self.clause.is_before_a_thing(at + 1):
                self._close()  # "without reverb drenched drums" is without drums
                self.negation, self.refused = phrase.split(" ")[0], False
            elif phrase in THAN:
                self._compare()
            elif phrase in _WHOLE and any(change.width for change in self.pending):
                self.whole = True  # "narrow stereo" is not stereo
            elif phrase in QUANTITIES and not self.negation and self.clause.is_before_a_thing(at + 1):
                self.pending.append(QUANTITIES[phrase])
            else:
                self._take(phrase, words)
            if not self.negation:
                self.reading.wanted.append(words)
            self.likened = self.likened or (phrase in LIKENING and self._is_thing_before())
            if phrase in ARTICLES:
                self.article = "the" if phrase == "the" else "a"
            self.previous = phrase
            self.purpose = phrase == "for" or (self.purpose and phrase not in SOUNDS and phrase not in PREPOSITIONS)
            self.beside = phrase if phrase in SOUNDS or phrase in compounds() else None
        carried = self._close()
        coloured = any(
            mention.kind is not None and mention.words != words for mention in self.mentions for words, _ in self.scenes
        )
        self.reading.scenes += [(words, scene, not coloured) for words, scene in self.scenes]
        return carried, self.negation

    def _is_exception(self, phrase: str) -> bool:
        return phrase in EXCEPTIONS and (
            phrase in _KEPT_BESIDE or (bool(self.negation) and (self.refused or bool(self.turned)))
        )

    def _take(self, phrase: str, words: str) -> None:
        group = GROUPS.get(phrase) or GROUPS.get(singular(phrase))
        if self.negation and group is not None:
            if self._only_turned(phrase, words):
                return
            self._exclude(words, {kind: "" for kind in (*group, *([SOUNDS[phrase]] if phrase in SOUNDS else []))})
        elif not (self.likened and self._is_likeness(phrase)):
            self._take_word(phrase, words)

    def _take_word(self, phrase: str, words: str) -> None:
        scenic = phrase in SCENES and not self.placed
        if self._is_name(phrase):
            self._named(phrase, words)
        elif phrase in SOUNDS and phrase != words and self.previous in _RELATIVES and self.mentions:
            self.query.append(words)  # "a bass that kicks"
        elif phrase in SOUNDS:
            self._thing(phrase, words, SOUNDS[phrase])
        elif phrase in CHANGES:
            self._modifier(phrase, words)
        elif phrase in _WHOLE and not self.negation:
            self.whole = True
        elif phrase in PREPOSITIONS:
            self.apart = list(self.run)
        elif phrase not in FILLERS and not scenic and len(phrase) > 1:
            self.query += [] if self.likened else [words]
            if not self.placed and not self.purpose and not any(letter.isdigit() for letter in phrase):
                self.run.append(words)
        if scenic and phrase not in SOUNDS and not self.negation and not self._is_name(phrase):
            self._scene(phrase, words)

    def _is_thing_before(self) -> bool:
        """Whether something that has a sound of its own is likened: not "a tone like a bell", "nature like birds"."""
        behind = self.clause.joint == "with" or (self.clause.joint == "," and self.clause.phrases[0][0] in LIKENING)
        before = self.mentions or (self.reading.mentions if behind else [])
        last = before[-1] if before else None
        return last is not None and last.words not in lexicon.GENERIC and last.words not in {*VAGUE, *SCENES}

    def _is_likeness(self, phrase: str) -> bool:
        """Whether it is a thing that is not heard itself, as it would be in "percussion like shakers"."""
        kind, last = SOUNDS.get(phrase) or compounds().get(phrase), (self.mentions or self.reading.mentions)[-1].kind
        if kind is None or last is None or is_natural(kind) or last not in library():
            return kind is not None or phrase in SCENES
        return library()[kind].role != library()[last].role

    def _is_name(self, phrase: str) -> bool:
        return phrase in compounds() and not self.negation

    def _named(self, phrase: str, words: str) -> None:
        """Take a preset's name as one thing, with what its words change."""
        self.pending += [CHANGES[part] for part in phrase.split() if part in CHANGES]
        self._thing(phrase, words, compounds()[phrase])
        self.query += [words] if phrase in SCENES else []  # a place colours what else is there
        if not is_natural(compounds()[phrase]):  # "dnb drums" are as fast as the style
            self.scenes += [(part, SCENES[part]) for part in phrase.split() if part in SCENES]

    def _thing(self, phrase: str, words: str, kind: str) -> None:
        if self.negation:
            if not self._only_turned(phrase, words):
                self._exclude(words, {kind: words})
            return
        if self.compared and self._is_mentioned(Mention(words, kind)):
            return
        if kind == "lead" and phrase in VAGUE and self.mentions and self.mentions[-1].kind in lexicon.TONAL:
            self.query.append(words)  # "a cello that carries the melody"
            return
        if self.beside is not None and self.mentions and {kind, self.mentions[-1].kind} <= lexicon.TONAL:
            if phrase in VAGUE or singular(phrase) in VAGUE:
                return  # "piano chords" are a piano
            self._compound(kind)
        elif self.beside is not None and self.mentions and kind == "drums" and self.mentions[-1].kind in lexicon.RHYTHM:
            if self.mentions[-1].kind != kind:
                self.mentions[-1].query.append(words)  # "taiko percussion"
                return
            first = self.mentions[-1].words
            self._compound(kind)  # "gated snare drums"
            self.query.remove(first)
        elif self.mentions and (self._said_twice(words, kind) or self._absorbed(phrase, words, kind)):
            return
        mention = Mention(words, kind, [*self.query, words], self.pending, self.run, self.apart, self.article)
        self.pending, self.run, self.query, self.apart, self.article = [], [], [], [], ""
        self.mentions.append(mention)
        self.reading.mentions.append(mention)

    def _absorbed(self, phrase: str, words: str, kind: str) -> bool:
        """Read "the hum of a fan" in "fan hum", and a colour in "noise drums"."""
        last = self.mentions[-1]
        absorbing = lexicon.GENERIC if self.beside is not None else lexicon.GENERIC & VAGUE
        noisy = self.beside is not None and kind in lexicon.NOISE  # "vinyl noise"
        if is_natural(last.kind) and phrase in absorbing and (noisy or not is_natural(kind)):
            last.query.append(words)
            return True
        if self.beside is None:
            return False
        if last.words in lexicon.GENERIC and last.kind in lexicon.NOISE and not is_natural(kind):
            self._compound(kind)
        return False

    def _said_twice(self, words: str, kind: str) -> bool:
        """Read one thing in "crackling fire" and "howling wind"."""
        last = self.mentions[-1]
        if self.beside is None or last.kind != kind or kind not in lexicon.NATURE:
            return False
        last.words = words if words == kind else last.words
        last.query.append(words)
        last.changes += self.pending
        self.pending = []
        return True

    def _compound(self, kind: str) -> None:
        """In "bass drone" and "synth pad" the last word is the thing; the first only colours it."""
        first = self.mentions.pop()
        self.reading.mentions.remove(first)
        self.pending += first.changes
        self.run = first.strange + self.run
        self.query = first.query + self.query
        if first.kind == "bass" and kind != "bass":
            self.pending.append(Change(register=-1))

    def _exclude(self, words: str, sounds: Mapping[str, str]) -> None:
        if not any(phrase in {"other", "another"} for phrase, _ in self.clause.phrases):
            self.reading.denied.add(words)  # "sleigh bells, no other bells" keeps them
        self.reading.excluded |= sounds
        self.refused = True
        self.pending, self.run, self.query = [], [], []

    def _modifier(self, phrase: str, words: str) -> None:
        """Keep it for the next thing; some stand behind theirs. What is refused turns around."""
        if self.negation:
            if self.negation in {"not", "never"}:
                self.negation = ""  # "must not be loud, with bells"
                self.pending.append(CHANGES[phrase].times(_TURNED_AROUND))
            else:
                self.turned.append(CHANGES[phrase])
            return
        idiom = len(words.split()) >= _IDIOM and not CHANGES[phrase].distance  # "bit by bit" seeks no bits
        if (
            not (idiom or self.likened or is_turned_around(phrase)) and of_a_band(words) is None
        ):  # a setting is no sound
            self.query.append(words)
        behind = self.mentions or (self.reading.mentions if self.clause.joint == "with" and of_quality(phrase) else [])
        if (phrase in TRAILING or " " in phrase) and behind and (not self.run or is_of_an_onset(phrase)):
            behind[-1].changes.append(CHANGES[phrase])
        else:
            self.pending.append(CHANGES[phrase])

    def _only_turned(self, phrase: str, words: str) -> bool:
        """Whether a way of sounding is refused, not the thing: "no sudden noises", "rain, but no heavy rain"."""
        last = singular(phrase.rsplit(" ", maxsplit=1)[-1])
        asked = [mention for mention in self.reading.mentions if is_same(Mention(words, SOUNDS.get(phrase)), mention)]
        if self.turned and asked:
            asked[-1].changes.append(total(self.turned).times(_TURNED_AROUND))
        elif self.turned and last in _ANY_SOUND:
            self.reading.everywhere.append(total(self.turned).times(_TURNED_AROUND / 2))
        elif last in _ANY_SOUND and self.run and not _OTHERS.issuperset(self.run):
            self.reading.refused.append(" ".join([*self.run, words]))
        else:
            return False
        self.refused, self.turned, self.run = True, [], []
        return True

    def _compare(self) -> None:
        """End what is compared: in "rain louder than the pad" all before is said of the rain, nothing of the pad."""
        if self.run and not self.mentions and is_heard(self.run[-1]):
            self._unknown(self.run, [*self.query])
        before = self.mentions or self.reading.mentions
        if before:
            before[-1].changes += self.pending
            self.pending = []
        self.compared, self.run, self.query = True, [], []

    def _is_mentioned(self, thing: Mention) -> bool:
        return any(is_same(thing, mention) for mention in self.reading.mentions)

    def _scene(self, phrase: str, words: str) -> None:
        scene = SCENES[phrase]
        self.scenes.append((words, scene))
        self.query.append(words)
        for kind in scene.nature:
            mention = Mention(words, kind, [words], list(self.pending), [], self.apart)
            self.mentions.append(mention)
            self.reading.mentions.append(mention)
            if self.apart:
                self.run, self.query, self.apart = [], [], []
        if scene.nature:
            self.pending = []

    def _close(self) -> list[Change]:
        """End the clause, or the part of it before a negation; return what waits for the next one."""
        run, pending, query = self.run, self.pending, self.query
        self.run, self.pending, self.query = [], [], []
        if self.negation:
            turned, self.turned = self.turned, []
            if turned and not self.refused and not run:
                refused = total(turned).times(_TURNED_AROUND)
                (self.mentions[-1].changes if self.mentions else self.reading.everywhere).append(refused)
            elif run and not self.refused:
                self.reading.refused.append(" ".join(run))
            return []
        if self.compared:
            run = self._compared_with(run)
        if self.mentions:
            last = self.mentions[-1]
            last.changes += pending
            last.strange += run
            last.query += query
            return []
        if self.likened or self._goes_back(run, query, pending):
            self.reading.mentions[-1].changes += pending if self.likened else []
            return []
        if run and not self.whole:
            self._unknown(run, query, pending)
            return []
        begun = any(phrase in ARTICLES for phrase, _ in self.clause.phrases)  # "with a low, dark pad"
        placed = self.clause.next_joint == "," and any(change.level_db or change.distance for change in pending)
        if not self.whole and (begun or placed or self.clause.joint in SOFT) and self.clause.next_joint in SOFT:
            return pending
        self.reading.everywhere += pending
        return []

    def _compared_with(self, run: Sequence[str]) -> list[str]:
        """Mention the owl of "wind louder than the owl", if nothing else has; nothing is said of it."""
        thing = Mention(" ".join(run), None, list(run), [], list(run))
        if run and is_heard(run[-1]) and not self._is_mentioned(thing):
            self.mentions.append(thing)
            self.reading.mentions.append(thing)
        return []

    def _unknown(self, run: Sequence[str], query: Sequence[str], changes: Sequence[Change] = ()) -> None:
        """Mention what only a search can find."""
        mention = Mention(" ".join(run), None, list(query), list(changes), list(run), article=self.article)
        mention.clause = " ".join(words for _, words in self.clause.phrases)
        self.mentions.append(mention)
        self.reading.mentions.append(mention)

    def _goes_back(self, run: Sequence[str], query: Sequence[str], pending: Sequence[Change]) -> bool:
        """Give the last thing what belongs to it: "piano (loud)", "a guitar with heavy distortion"."""
        bracket = not run and self.clause.bracket
        effect = bool(run) and EFFECTS.issuperset(map(singular, run))
        if not self.reading.mentions or not (
            bracket or effect or (not run and not self.whole and self.clause.stands_behind())
        ):
            return False
        self.reading.mentions[-1].query += query
        self.reading.mentions[-1].changes += pending
        return True
