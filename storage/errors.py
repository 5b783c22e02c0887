"""What the database itself says when it cannot be opened, for whoever has to put it in one line."""

from sqlalchemy import exc

CANNOT_OPEN = (exc.DBAPIError, exc.ArgumentError, exc.NoSuchModuleError)


def in_a_line(error: Exception) -> str:
    """The driver's own words without the statement and its values."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
