"""A prompt goes in as text; what it mentions and rules out comes out, in the words of the tables."""
