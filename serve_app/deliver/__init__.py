"""What a model made passes here on its way to bytes: finished, then encoded."""
