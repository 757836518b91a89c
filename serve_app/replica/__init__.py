"""A piece of work passes here in its model's process: load, batch, generate, hand over to delivery and storage."""
