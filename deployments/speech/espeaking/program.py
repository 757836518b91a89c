"""The program of that process: espeak-ng by ctypes, asked over stdin, answering over stdout.

It is started as a file and never imported by the service, because espeak-ng is under GPL-3.0-or-later: what links it is
this process alone. A question is a line of JSON; an answer is frames of a letter, four bytes of length, and content:
`R` the rate in Hz, `A` s16le samples, `I` phonemes in UTF-8, `E` the end, `X` why it cannot be answered.
Interface: espeak-ng 1.52, src/include/espeak-ng/speak_lib.h.
"""

import ctypes
import json
import struct
import sys
from collections.abc import Callable
from typing import Any

_SYNCHRONOUS, _UTF8, _IPA_TIED = 2, 1, 0x02 | 0x80 | ord("^") << 8
_RATE = 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

Write = Callable[[bytes, bytes], None]


class Espeak:
    """The library, which is one state for the whole process. Raises ImportError, OSError."""

    def __init__(self, write: Write) -> None:
        import espeakng_loader

        self.write, self.voice = write, ""
        self.library = library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
        library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]
        data = espeakng_loader.get_data_path().encode()
        self.rate_hz = int(library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0))
        if self.rate_hz <= 0:
            raise OSError("espeak-ng cannot read its data")
        self.callback = _CALLBACK(self._heard)  # kept: the library has a bare pointer to it
        library.espeak_SetSynthCallback(self.callback)

    def answer(self, question: dict[str, Any]) -> None:
        """Write the frames of an answer but for its end. Raises ValueError."""
        self._choose(question["voice"])
        if question["do"] == "ipa":
            self.write(b"I", self._phonemes(question["text"]).encode())
            return
        text = question["text"].encode()
        self.library.espeak_SetParameter(_RATE, int(question["words_per_minute"]), 0)
        failed = self.library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None)
        if failed or self.library.espeak_Synchronize():
            raise ValueError(f"espeak-ng could not speak (error {failed})")

    def _choose(self, voice: str) -> None:
        if voice != self.voice:
            if self.library.espeak_SetVoiceByName(voice.encode()):
                raise ValueError(f"espeak-ng has no voice {voice}")
            self.voice = voice

    def _phonemes(self, text: str) -> str:
        """IPA with a tie within affricates and diphthongs, a space between words and a line for each clause."""
        kept = ctypes.create_string_buffer(text.encode())
        place, clauses = ctypes.c_void_p(ctypes.addressof(kept)), []
        while place.value:
            clause = self.library.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, _IPA_TIED)
            clauses.append((clause or b"").decode())
        return "\n".join(clauses)

    def _heard(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self.write(b"A", ctypes.string_at(samples, 2 * count))
        return 0


def main() -> None:
    """Answer questions until nobody asks any more."""
    out = sys.stdout.buffer

    def write(kind: bytes, content: bytes) -> None:
        out.write(kind + struct.pack("<I", len(content)) + content)
        out.flush()

    try:
        espeak = Espeak(write)
    except (ImportError, OSError) as error:
        write(b"X", str(error).encode())
        return
    write(b"R", struct.pack("<I", espeak.rate_hz))
    for line in sys.stdin.buffer:
        try:
            espeak.answer(json.loads(line))
            write(b"E", b"")
        except (ValueError, KeyError) as error:
            write(b"X", str(error).encode())


if __name__ == "__main__":
    main()
