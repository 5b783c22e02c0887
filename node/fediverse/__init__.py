"""The door for servers."""
