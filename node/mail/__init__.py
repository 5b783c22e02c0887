"""The door for mail: what is written, and how it goes out."""
