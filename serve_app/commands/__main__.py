"""`python -m serve_app.commands ...` is `continuo ...`."""

from serve_app.commands.main import app

if __name__ == "__main__":
    app()
