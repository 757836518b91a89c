"""Commands that make something: a sound or a picture from words, a text spoken."""
