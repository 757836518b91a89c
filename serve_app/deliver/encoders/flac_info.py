"""FLAC's first block, STREAMINFO (RFC 9639, section 8.2)."""


def flac_info(info: bytes, frames: int) -> bytes:
    """STREAMINFO with a number of frames in its 36 bits; 0 says that it is not known."""
    facts = int.from_bytes(info[10:18]) >> 36 << 36 | frames
    return info[:10] + facts.to_bytes(8) + info[18:]
