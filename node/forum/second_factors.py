"""The second factor: an authenticator app, recovery codes for when it is lost, and passkeys, which are both at once."""

import base64
import secrets
from datetime import timedelta

from node.forum import accounts as forum_accounts
from node.forum import text
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import SecondFactorChanged
from storage import accounts, passkeys, tokens
from storage.schema import Actor, Passkey
from storage.work import Work

CODES = 10  # recovery codes
CEREMONY = timedelta(minutes=10)  # between a challenge and a touch of the key
MOST_PASSKEYS = 20
PASSKEY_NAME = 60  # characters


def turn_on_app(work: Work, actor: Actor, totp_sealed: bytes, step: int) -> list[str]:
    """From now on a code of the app is asked for too; answers recovery codes, which are never shown again."""
    account = forum_accounts.must_have_account(work, actor)
    if account.totp_sealed is not None:
        raise NotAllowed("There is an authenticator app already. Take it away first.")
    account.totp_sealed, account.totp_last = totp_sealed, step
    work.flush()
    work.happened(SecondFactorChanged(actor, account.email, "app", added=True))
    return _make_codes(work, actor)


def turn_off_app(work: Work, actor: Actor) -> None:
    """The password is enough again; recovery codes are void."""
    account = forum_accounts.must_have_account(work, actor)
    if account.totp_sealed is None:
        return
    account.totp_sealed = account.totp_last = None
    work.flush()
    passkeys.forget_codes(work, actor.id)
    work.happened(SecondFactorChanged(actor, account.email, "app", added=False))


def renew_codes(work: Work, actor: Actor) -> list[str]:
    """Other recovery codes; the earlier ones are void."""
    account = forum_accounts.must_have_account(work, actor)
    if account.totp_sealed is None:
        raise NotAllowed("Recovery codes stand in for an authenticator app, and there is none.")
    work.happened(SecondFactorChanged(actor, account.email, "codes", added=True))
    return _make_codes(work, actor)


def _make_codes(work: Work, actor: Actor) -> list[str]:
    # 80 bits each: a plain hash keeps them, for nobody tries that many.
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES)]
    passkeys.keep_codes(work, actor.id, [tokens.hashed(code) for code in codes])
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


# ------------------------------------------------------------------ passkeys


def challenge(work: Work, purpose: str, browser: str, value: bytes, actor_id: int | None = None) -> None:
    """Keeps what the passkey has to sign: it counts once, in this browser, for a while."""
    more = {"challenge": base64.b64encode(value).decode()}
    tokens.make(work, purpose, CEREMONY, actor_id=actor_id, bound_to=browser, more=more)


def take_challenge(work: Work, purpose: str, browser: str, actor_id: int | None = None) -> bytes | None:
    """What the passkey had to sign, if it was asked in this browser; it is used up, whatever comes of it."""
    token = tokens.of_browser(work, purpose, browser)
    if token is None or token.actor_id != actor_id or not tokens.use(work, token):
        return None
    return base64.b64decode((token.more or {})["challenge"])


def add_passkey(
    work: Work,
    actor: Actor,
    credential: str,
    public_key: bytes,
    sign_count: int,
    *,
    transports: list[str],
    name: str = "",
) -> int:
    """Someone signs in with this key from now on; answers its number."""
    account = forum_accounts.must_have_account(work, actor)
    held = passkeys.of_actor(work, actor.id)
    if passkeys.by_credential(work, credential) is not None:
        raise Invalid("This passkey is known already.", field="name")
    if len(held) >= MOST_PASSKEYS:
        raise NotAllowed("There are %(most)s passkeys already. Take one away first.", most=MOST_PASSKEYS)
    key = Passkey(
        actor_id=actor.id,
        credential=credential,
        public_key=public_key,
        sign_count=sign_count,
        transports=transports,
        name=text.clean_name(name, PASSKEY_NAME) or f"Passkey {len(held) + 1}",
        created_at=work.now,
    )
    work.add(key)
    work.flush()
    work.happened(SecondFactorChanged(actor, account.email, "passkey", added=True))
    return key.id


def remove_passkey(work: Work, actor: Actor, passkey_id: int) -> None:
    """The key lets nobody in any more."""
    account = forum_accounts.must_have_account(work, actor)
    if not passkeys.remove(work, actor.id, passkey_id):
        raise NotFound("There is no such passkey.")
    work.happened(SecondFactorChanged(actor, account.email, "passkey", added=False))


def used_passkey(work: Work, credential: str, sign_count: int) -> int:
    """The key signed what it was asked to; answers whose it is."""
    key = passkeys.by_credential(work, credential)
    account = accounts.of(work, key.actor_id) if key is not None else None
    if key is None or account is None:
        raise NotFound("Nobody here signs in with that passkey.")
    key.sign_count, key.used_at = sign_count, work.now
    work.flush()
    return key.actor_id
