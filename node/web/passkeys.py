"""Passkeys (WebAuthn): a key of one's own is added, and whoever holds it is let in."""

import hashlib
import json
from typing import Any

from aiohttp import web
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from node.forum import limits, second_factors, signing_in
from node.forum.errors import NotAllowed
from node.forum.signing_in import Arrival, Place
from node.languages import gettext as _
from node.node import NODE, Node
from node.web import entrance, forms, session
from storage import passkeys, people
from storage.work import Work

TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})
LONGEST = 20_000  # letters of a credential; real ones have some hundreds


# ------------------------------------------------------------------ signing in


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Asks the browser for a key, or takes what the key signed. A key is two factors: who has it, and opened it."""
    form = await forms.read(request)
    if form.text("step") == "begin":
        return await _begin(request)
    node, place = request.app[NODE], entrance.place_of(request)
    challenge = await node.storage.write(second_factors.take_challenge, "passkey", place.browser)
    credential = _read(form.text("credential"))
    key = await node.storage.read(_key, str(credential.get("id", "")))
    if challenge is None or key is None:
        raise NotAllowed(_("That passkey did not work here. Please try again, or sign in another way."))
    public_key, sign_count = key
    try:
        proved = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(node),
            expected_origin=node.settings.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except WebAuthnException:
        raise NotAllowed(_("That passkey did not work here. Please try again, or sign in another way.")) from None
    next_path = forms.path_within(form.text("next"))
    name = bytes_to_base64url(proved.credential_id)
    arrival = await node.storage.write(_let_in, name, proved.new_sign_count, place, next_path)
    entered = entrance.enter(request, arrival)
    response = web.json_response({"to": entered.headers["Location"]}, headers={"Cache-Control": "no-store"})
    if arrival.step == "in":
        session.greet(request, response, arrival.secret)
    return response


async def _begin(request: web.Request) -> web.Response:
    node, browser = request.app[NODE], forms.browser_of(request)
    wait = await node.storage.write(limits.take, (limits.PASSKEY_NETWORK, session.network_of(request)))
    if wait:
        return entrance.too_often(request, wait)
    # No key is named: the browser offers those that it has for this node, and nobody learns who has any (WEB-09).
    options = generate_authentication_options(rp_id=_host(node), user_verification=UserVerificationRequirement.REQUIRED)
    await node.storage.write(second_factors.challenge, "passkey", browser, options.challenge)
    return _options(options)


def _let_in(work: Work, credential: str, sign_count: int, place: Place, next_path: str) -> Arrival:
    actor_id = second_factors.used_passkey(work, credential, sign_count)
    return signing_in.arrive(work, actor_id, place, next_path=next_path, proved=("second",))


def _key(work: Work, credential: str) -> tuple[bytes, int] | None:
    found = passkeys.by_credential(work, credential)
    return (found.public_key, found.sign_count) if found is not None else None


# ------------------------------------------------------------------ adding and taking away


async def add(request: web.Request) -> web.StreamResponse:
    """Has the browser make a key for whoever is signed in, or takes the key that it made."""
    form = await forms.read(request)
    reader, node, browser = session.must_have_proved(request), request.app[NODE], forms.browser_of(request)
    if form.text("step") == "begin":
        held = await node.storage.read(_held, reader.id)
        options = generate_registration_options(
            rp_id=_host(node),
            rp_name=node.settings.name,
            user_id=hashlib.sha256(reader.uri.encode()).digest(),  # 64 bytes at most, and of no meaning
            user_name=reader.name,
            user_display_name=reader.display_name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(name)) for name in held],
        )
        await node.storage.write(second_factors.challenge, "new_passkey", browser, options.challenge, reader.id)
        return _options(options)
    challenge = await node.storage.write(second_factors.take_challenge, "new_passkey", browser, reader.id)
    credential = _read(form.text("credential"))
    if challenge is None:
        raise NotAllowed(_("Too much time has passed. Please try again."))
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(node),
            expected_origin=node.settings.origin,
            require_user_verification=True,
        )
    except WebAuthnException:
        raise NotAllowed(_("That passkey could not be added. Please try again, or use another one.")) from None
    name = bytes_to_base64url(made.credential_id)
    await node.storage.write(
        _add, reader.id, name, made.credential_public_key, made.sign_count, _transports(credential), form.text("name")
    )
    return web.json_response({"to": "/settings/security?done=passkey-added"}, headers={"Cache-Control": "no-store"})


def _held(work: Work, actor_id: int) -> list[str]:
    return [key.credential for key in passkeys.of_actor(work, actor_id)]


def _transports(credential: dict[str, Any]) -> list[str]:
    response = credential.get("response")
    given = response.get("transports") if isinstance(response, dict) else None
    return sorted(TRANSPORTS & {it for it in given if isinstance(it, str)}) if isinstance(given, list) else []


def _add(
    work: Work, actor_id: int, credential: str, key: bytes, sign_count: int, transports: list[str], name: str
) -> None:
    actor = people.by_id(work, actor_id)
    second_factors.add_passkey(work, actor, credential, key, sign_count, transports=transports, name=name)


async def remove(request: web.Request) -> web.StreamResponse:
    """The key lets nobody in any more."""
    form = await forms.read(request)
    reader = session.must_have_proved(request)
    number = form.text("passkey")
    if number.isascii() and number.isdigit() and len(number) < 19:
        await request.app[NODE].storage.write(_remove, reader.id, int(number))
    return forms.see("/settings/security?done=passkey-removed")


def _remove(work: Work, actor_id: int, passkey_id: int) -> None:
    second_factors.remove_passkey(work, people.by_id(work, actor_id), passkey_id)


# ------------------------------------------------------------------ the wire of WebAuthn


def _host(node: Node) -> str:
    """The relying party: our host, without its port."""
    return node.settings.authority.partition(":")[0]


def _options(options: Any) -> web.Response:
    return web.Response(
        text=options_to_json(options), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _read(given: str) -> dict[str, Any]:
    try:
        credential = json.loads(given) if len(given) <= LONGEST else None
    except (ValueError, RecursionError):
        credential = None
    if not isinstance(credential, dict):
        raise NotAllowed(_("That passkey did not work here. Please try again, or sign in another way."))
    return credential
