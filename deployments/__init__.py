"""Models: one file or one folder is one; `contract.py` says what a model is, and app.py makes it a deployment."""
