"""Routes that make something: sound, speech, pictures; and how sound is sent while it is made."""
