"""Why something was refused, in words that a person may read."""


class Refusal(Exception):
    """A rule said no; nothing was changed."""


class NotAllowed(Refusal):
    """The actor may not do this."""


class NotFound(Refusal):
    """It is not there, or not for this actor: both look alike."""


class Invalid(Refusal):
    """What was given cannot be taken as it is."""
