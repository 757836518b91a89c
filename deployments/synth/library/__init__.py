"""Presets: read from their files, indexed by words and by vectors, found by what is said of them."""
