"""Voices: those that models have in one list, those that owners bring: checked, kept, found by name, forgotten."""
