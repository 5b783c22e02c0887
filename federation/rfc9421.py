"""Signatures by RFC 9421: the second knock of Mastodon, and ours."""

import re
from datetime import datetime, timedelta
from typing import Any, NoReturn

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from federation.claims import (
    BASE64,
    LONGEST_HEADER,
    Claim,
    Message,
    Request,
    check_age,
    check_expiry,
    check_sha256,
    covered_value,
    decoded,
    has_body,
    key_named,
    only,
    timestamp,
)
from federation.errors import Malformed, Unverified
from federation.keys import PublicKey, Signer

_SIGNATURE = re.compile(rf"([a-z*][a-z0-9_.*-]*)=:({BASE64}):")
_DERIVED = frozenset({"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"})


def read(request: Request, fields: dict[str, list[str]], signature: str, now: datetime) -> Claim:
    """The claim of a request with a Signature-Input header; raises Unverified or Malformed."""
    written = only(fields, "signature-input") or ""
    label, components, parameters = _signature_input(written)
    match = _SIGNATURE.fullmatch(signature) if len(signature) <= LONGEST_HEADER else None
    if match is None or match[1] != label:
        raise Malformed("Signature and Signature-Input do not belong together")  # one scheme per request
    covered = dict.fromkeys(components)
    if len(covered) != len(components):
        raise Malformed("a component of the signature is there twice")
    needed = {"@method", "@target-uri"} | ({"content-digest"} if has_body(request) else set())
    if not needed.issubset(covered):
        raise Unverified("the signature does not cover enough")
    if any(name.startswith("@") and name not in _DERIVED for name in covered):
        raise Unverified("the signature covers something unknown")
    headers = {name: covered_value(fields, name) for name in covered if not name.startswith("@")}
    created = _moment(parameters.get("created"))
    check_age(created, now)
    if "expires" in parameters:
        check_expiry(_moment(parameters["expires"]), created, now)
    if "content-digest" in covered:
        digest = re.fullmatch(r"sha-256=:([^:]*):", headers["content-digest"])
        if digest is None:
            raise Malformed("the Content-Digest is not a single sha-256")
        check_sha256(digest[1], request.body)
    url = f"{request.scheme}://{request.authority}{request.raw_path}"
    headers |= {"signature": signature, "signature-input": written}
    named = parameters.get("keyid")
    return Claim(
        "rfc9421",
        key_named(named if type(named) is str else None),
        None,
        decoded(match[2]),
        message=Message(request.method, url, headers),
    )


def _signature_input(value: str) -> tuple[str, list[str], dict[str, Any]]:
    if len(value) > LONGEST_HEADER or not value.isascii():
        raise Malformed("Signature-Input cannot be read")
    try:
        parsed: Any = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse_duplicate)
    except ValueError:
        raise Malformed("Signature-Input cannot be read") from None
    if len(parsed) != 1:
        raise Unverified("there is not exactly one signature")  # which one would count, and for whom?
    [(label, (components, parameters))] = parsed.items()
    if not isinstance(components, list):
        raise Malformed("Signature-Input lists no components")
    if not all(type(name) is str and not modifiers for name, modifiers in components):
        raise Unverified("the signature covers something unknown")
    return label, [name for name, _ in components], parameters


def _refuse_duplicate(name: str, context: str) -> NoReturn:
    raise Malformed("a name of the signature is there twice")


def _moment(seconds: object) -> datetime:
    if type(seconds) is not int:
        raise Unverified("a time of the signature is not a number of seconds")
    return timestamp(str(seconds))


class _OneKey(HTTPSignatureKeyResolver):
    """The key that was chosen before, whatever the message names."""

    def __init__(self, *, public: Any = None, private: Any = None) -> None:
        self.public, self.private = public, private

    def resolve_public_key(self, key_id: str) -> Any:
        return self.public

    def resolve_private_key(self, key_id: str) -> Any:
        return self.private


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Judged before, in read_claim, by the clock that tests can hold still."""


def verify(message: Message, key: PublicKey) -> None:
    """Raise Unverified unless the holder of `key` signed this message."""
    ed25519 = isinstance(key.material, Ed25519PublicKey)
    library: Any = _Verifier(
        signature_algorithm=algorithms.ED25519 if ed25519 else algorithms.RSA_V1_5_SHA256,
        key_resolver=_OneKey(public=key.material),
    )
    try:
        library.verify(message, max_age=None)
    except HTTPMessageSignaturesException:
        raise Unverified("the signature is wrong") from None


def sign(
    signer: Signer, method: str, url: str, headers: dict[str, str], digest: str | None, now: datetime
) -> dict[str, str]:
    """`headers`, signed as Mastodon signs: label `sig1`, no algorithm named."""
    covered = ["@method", "@target-uri"]
    if digest is not None:
        headers["Content-Digest"] = f"sha-256=:{digest.partition('=')[2]}:"
        covered.append("content-digest")
    library: Any = HTTPMessageSigner(
        signature_algorithm=algorithms.RSA_V1_5_SHA256, key_resolver=_OneKey(private=signer.private)
    )
    try:
        library.sign(
            Message(method.upper(), url, headers),
            key_id=signer.key_id,
            created=now,
            label="sig1",
            include_alg=False,  # Mastodon decides by the key, as we do
            covered_component_ids=covered,
            use_existing_digest=digest is not None,
        )
    except HTTPMessageSignaturesException:
        raise Malformed("the address cannot be signed by RFC 9421") from None  # its grammar has no bare [ or ]
    return headers
