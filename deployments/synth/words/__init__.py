"""A prompt's words, as data: what can be heard, what changes a sound, how much of it, and the terms of music."""
