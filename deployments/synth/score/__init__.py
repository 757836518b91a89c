"""Layers go in; their places in a mix and what each of them plays come out."""
