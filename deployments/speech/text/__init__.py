"""The text side of speech: a text comes in as it is written, and leaves as pieces in words, with their pauses.

sentences, pauses   where a text may rest
english/, chinese   written -> in words
pieces              all of it, piece by piece
speakable           what a model's characters cannot say is told, never silently left out
"""

from deployments.speech.text.chinese import MissingExtra
from deployments.speech.text.pieces import Piece, asked_pauses_s, pieces
from deployments.speech.text.speakable import Unspoken, speakable, unspeakable
from deployments.speech.text.spoken import spoken

__all__ = ["MissingExtra", "Piece", "Unspoken", "asked_pauses_s", "pieces", "speakable", "spoken", "unspeakable"]
