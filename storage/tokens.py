"""Secrets that were sent to somebody: each works once, for one thing, for a while; only its hash is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from storage.schema import Token
from storage.work import Work

FORGOTTEN = timedelta(days=1)  # after they expired; until then "it was used" and "it is too old" can be told apart


@dataclass(frozen=True, slots=True)
class Made:
    """A token as it is sent: the secret of its link, and the six digits that do the same."""

    id: int
    secret: str
    code: str


def hashed(secret: str) -> str:
    """A secret as it is kept: whoever reads the database cannot use it."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def make(
    work: Work,
    purpose: str,
    lasts: timedelta,
    *,
    actor_id: int | None = None,
    sign_up_id: int | None = None,
    email: str | None = None,
    bound_to: str | None = None,
    more: dict[str, Any] | None = None,
) -> Made:
    """A new secret of 256 bits; with `bound_to`, the secret of a browser, also six digits that are good in it alone."""
    secret, code = secrets.token_urlsafe(32), f"{secrets.randbelow(1_000_000):06d}" if bound_to else ""
    token = Token(
        purpose=purpose,
        secret_hash=hashed(secret),
        code_hash=_code_hash(bound_to, code) if bound_to else None,
        actor_id=actor_id,
        sign_up_id=sign_up_id,
        email=email,
        bound_to=hashed(bound_to) if bound_to else None,
        more=more,
        created_at=work.now,
        expires_at=work.now + lasts,
    )
    work.add(token)
    work.flush()
    return Made(token.id, secret, code)


def _code_hash(browser: str, code: str) -> str:
    # A million codes are tried in a second: what only the browser knows keeps a reader of the database from that.
    return hashed(f"{browser}:{code}")


def find(work: Work, purpose: str, secret: str) -> Token | None:
    """The token of a link, if it can still be used."""
    return work.scalars(
        select(Token).where(
            Token.secret_hash == hashed(secret),
            Token.purpose == purpose,
            Token.used_at.is_(None),
            Token.expires_at > work.now,
        )
    ).one_or_none()


def of_browser(work: Work, purpose: str, browser: str) -> Token | None:
    """The newest token that was asked for in that browser, if it can still be used."""
    return work.scalars(
        select(Token)
        .where(
            Token.bound_to == hashed(browser),
            Token.purpose == purpose,
            Token.used_at.is_(None),
            Token.expires_at > work.now,
        )
        .order_by(Token.id.desc())
        .limit(1)
    ).one_or_none()


def code_fits(token: Token, browser: str, code: str) -> bool:
    """These are the six digits of the token, in the browser that it is bound to."""
    return token.code_hash is not None and secrets.compare_digest(token.code_hash, _code_hash(browser, code))


def use(work: Work, token: Token) -> bool:
    """The token has done its work; says False when another was quicker."""
    used = update(Token).where(Token.id == token.id, Token.used_at.is_(None)).values(used_at=work.now)
    return work.execute(used.returning(Token.id)).scalar() is not None


def fail(work: Work, token: Token) -> int:
    """A wrong code was given; says how often that has happened."""
    failed = update(Token).where(Token.id == token.id).values(failures=Token.failures + 1)
    return work.execute(failed.returning(Token.failures)).scalar_one()


def drop(work: Work, *purposes: str, actor_id: int) -> None:
    """Whatever was sent to someone for these purposes works no longer; for every purpose when none is named."""
    query = delete(Token).where(Token.actor_id == actor_id)
    work.execute(query.where(Token.purpose.in_(purposes)) if purposes else query)


def drop_of_nobody(work: Work, purpose: str) -> None:
    """The links that were made for nobody in particular work no longer."""
    work.execute(delete(Token).where(Token.purpose == purpose, Token.actor_id.is_(None), Token.sign_up_id.is_(None)))


def drop_of_sign_ups(work: Work, sign_up_ids: list[int]) -> None:
    """What was sent to these applicants works no longer."""
    work.execute(delete(Token).where(Token.sign_up_id.in_(sign_up_ids)))


def prune(work: Work) -> None:
    """Forgets what expired a day ago."""
    work.execute(delete(Token).where(Token.expires_at < work.now - FORGOTTEN))
