"""Samples become the bytes of a file, one module per library that does it; `encode.py` asks the one that it needs."""
