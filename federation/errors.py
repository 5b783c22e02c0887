"""Why something from another server was not believed, not done, or not reached."""


class FederationError(Exception):
    """A short reason that may be logged and answered: it holds no secrets and nothing of a remote body."""


class Unverified(FederationError):
    """The signature is missing, wrong, too old, or made by a key that does not speak for this actor (401)."""


class Malformed(FederationError):
    """The bytes cannot be read in exactly one way (400)."""


class TooLarge(Malformed):
    """More bytes than anything honest needs (413)."""


class UnsupportedType(Malformed):
    """Not a media type, or not a content encoding, that is read here (415)."""


class Refused(FederationError):
    """Readable, perhaps genuine, and not allowed: a blocked host, a private address, a foreign id (403)."""


class Gone(FederationError):
    """The origin itself says that there is nothing (404 or 410 there)."""


class Unreachable(FederationError):
    """The other server could not be asked just now; the same question later may succeed (503)."""

    def __init__(self, reason: str = "", *, retry_after: int = 60) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Ignored(FederationError):
    """Answered as accepted while nothing is stored or fetched: news about someone never heard of (202)."""


class Blocked(Refused):
    """We have nothing to do with this server, and do not even ask it for a key (403)."""
