"""A node in one file: taken while it runs, read back whole or not at all, and the ground an upgrade stands on."""
