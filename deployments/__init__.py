"""Models by medium: one file (or one folder) is one model, and `contract.py` says what a model is."""
