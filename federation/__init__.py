"""ActivityPub on the wire: a pure protocol library that knows no table and no page."""
