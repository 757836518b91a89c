"""The service passes here from a command to running processes, and back to none."""
