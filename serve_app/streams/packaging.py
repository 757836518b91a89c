"""Packets in the containers of HLS: fragments of MP4, ADTS and MP3 after an ID3 tag with their time.

No edit list and no priming: which samples a packet holds was settled when it was made (`coding.py`). Boxes are those of
ISO/IEC 14496-12 and -14, of Opus in ISOBMFF (opus-codec.org) and FLAC in ISOBMFF (xiph/flac doc/isoflac.txt); packed
audio is RFC 8216, section 3.4.
"""

import struct
from collections.abc import Callable, Mapping, Sequence

from serve_app.streams.coding import Codec, flac_info
from serve_app.streams.grid import ticks

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_TRACK = 1
_DEFAULT_BASE_IS_MOOF, _DEFAULT_DURATION = 0x020000, 0x000008
_DATA_OFFSET, _SAMPLE_SIZES = 0x000001, 0x000200
_SYNC_SAMPLES = 0x02000000  # each can be decoded by itself


def init_segment(codec: Codec) -> bytes:
    """The MP4 header of all fragments of a codec (`EXT-X-MAP`): the same for every stream."""
    rate = codec.rate_hz
    empty = struct.pack(">I", 0)
    stbl = _box(
        "stbl",
        _full("stsd", 0, 0, struct.pack(">I", 1), _ENTRIES[codec.name](codec)),
        *(_full(name, 0, 0, empty) for name in ("stts", "stsc", "stco")),
        _full("stsz", 0, 0, empty, empty),
    )
    references = _box("dinf", _full("dref", 0, 0, struct.pack(">I", 1), _full("url ", 0, 1)))
    minf = _box("minf", _full("smhd", 0, 0, bytes(4)), references, stbl)
    language = 0x55C4  # undetermined
    mdia = _box(
        "mdia",
        _full("mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, rate, 0, language, 0)),
        _full("hdlr", 0, 0, bytes(4), b"soun", bytes(13)),
        minf,
    )
    in_movie = 7  # enabled, in the movie, in the preview
    volume = struct.pack(">hhHH", 0, 0, 0x100, 0)
    header = struct.pack(">IIIII", 0, 0, _TRACK, 0, 0) + bytes(8) + volume + _MATRIX + bytes(8)
    trak = _box("trak", _full("tkhd", 0, in_movie, header), mdia)
    movie = struct.pack(">IIIIIH", 0, 0, rate, 0, 0x10000, 0x100) + bytes(10) + _MATRIX + bytes(24)
    mvhd = _full("mvhd", 0, 0, movie, struct.pack(">I", _TRACK + 1))
    mvex = _box("mvex", _full("trex", 0, 0, struct.pack(">IIIII", _TRACK, 1, codec.packet, 0, _SYNC_SAMPLES)))
    return _box("ftyp", b"iso6", bytes(4), b"iso6cmfcmp41") + _box("moov", mvhd, trak, mvex)


def fragment(codec: Codec, first: int, packets: Sequence[bytes], number: int) -> bytes:
    """Frames from `first` on as `moof` and `mdat`; `number` counts fragments from 1 on."""

    def moof(offset: int) -> bytes:
        sizes = b"".join(struct.pack(">I", len(packet)) for packet in packets)
        traf = _box(
            "traf",
            _full("tfhd", 0, _DEFAULT_BASE_IS_MOOF | _DEFAULT_DURATION, struct.pack(">II", _TRACK, codec.packet)),
            _full("tfdt", 1, 0, struct.pack(">Q", first * codec.packet)),
            _full("trun", 0, _DATA_OFFSET | _SAMPLE_SIZES, struct.pack(">Ii", len(packets), offset), sizes),
        )
        return _box("moof", _full("mfhd", 0, 0, struct.pack(">I", number % 2**32)), traf)

    return moof(len(moof(0)) + 8) + _box("mdat", *packets)


def packed(codec: Codec, first: int, packets: Sequence[bytes]) -> bytes:
    """Frames of AAC or MP3 one after the other, after the time of the first one."""
    frames = map(_adts, packets) if codec.name == "aac" else packets
    return timestamp(ticks(first * codec.frame)) + b"".join(frames)


def timestamp(ticks_90khz: int) -> bytes:
    """An ID3 tag with the time in 33 bits of a 90 kHz clock, which wraps after 26.5 hours as players expect."""
    owner = b"com.apple.streaming.transportStreamTimestamp\0"
    body = owner + struct.pack(">Q", ticks_90khz % 2**33)
    frame = b"PRIV" + struct.pack(">I", len(body)) + bytes(2) + body  # both lengths are below 128
    return b"ID3\x04\0\0" + struct.pack(">I", len(frame)) + frame


TIMESTAMP_BYTES = len(timestamp(0))


def _adts(packet: bytes) -> bytes:
    """A frame with its header: MPEG-4, AAC-LC, 44.1 kHz, stereo, no CRC (ISO/IEC 13818-7, 6.2)."""
    length = len(packet) + 7
    bits = 0xFFF << 44 | 0b0001 << 40 | 0b01 << 38 | 4 << 34 | 2 << 30
    return ((bits | length << 13 | 0x7FF << 2) >> 0).to_bytes(7) + packet


def _box(name: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name.encode()) + body


def _full(name: str, version: int, flags: int, *content: bytes) -> bytes:
    return _box(name, struct.pack(">I", version << 24 | flags), *content)


def _sample_entry(name: str, codec: Codec, *boxes: bytes) -> bytes:
    facts = struct.pack(">6xH8xHHHHI", 1, 2, 16, 0, 0, codec.rate_hz << 16)
    return _box(name, facts, *boxes)


def _descriptor(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def _mp4a(codec: Codec) -> bytes:
    config = _descriptor(5, b"\x12\x10")  # AAC-LC, 44.1 kHz, stereo
    rates = struct.pack(">II", codec.bits_per_s, codec.bits_per_s)
    decoder = _descriptor(4, b"\x40\x15" + bytes(3) + rates + config)
    return _sample_entry("mp4a", codec, _full("esds", 0, 0, _descriptor(3, bytes(3) + decoder + _descriptor(6, b"\2"))))


def _flac(codec: Codec) -> bytes:
    info = flac_info(codec)
    last_block_info = b"\x80" + len(info).to_bytes(3)
    return _sample_entry("fLaC", codec, _full("dfLa", 0, 0, last_block_info, info))


def _opus(codec: Codec) -> bytes:
    version, channels, pre_skip, gain_db, family = 0, 2, 0, 0, 0
    facts = struct.pack(">BBHIhB", version, channels, pre_skip, codec.rate_hz, gain_db, family)
    return _sample_entry("Opus", codec, _box("dOps", facts))


_ENTRIES: Mapping[str, Callable[[Codec], bytes]] = {"aac": _mp4a, "flac": _flac, "opus": _opus}
