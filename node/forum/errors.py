"""Why something was refused, in words that a person may read."""


class Refusal(Exception):
    """A rule said no; nothing was changed. Its words can be translated, and are filled in with its values then."""

    def __init__(self, words: str, **values: object) -> None:
        super().__init__(words % values if values else words)
        self.words = words
        self.values = values


class NotAllowed(Refusal):
    """The actor may not do this."""


class NotFound(Refusal):
    """It is not there, or not for this actor: both look alike."""


class Invalid(Refusal):
    """What was given cannot be taken as it is; `field` is the one of a form that it is about, if it is one."""

    def __init__(self, words: str, *, field: str | None = None, **values: object) -> None:
        super().__init__(words, **values)
        self.field = field


class Overtaken(Invalid):
    """Somebody else changed the same thing in the meantime; nothing was changed, and both wordings are kept."""
