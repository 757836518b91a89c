"""Mentions go in; the presets that are meant come out, as layers, and a note where it is not what was asked."""
