"""HTTP signatures: who sent a request, and the proof that we sent ours (draft-cavage and RFC 9421).

Everything is read once, from the raw header list, and what was read is what is verified. The algorithm comes from the
key, never from the message: an HMAC made with a public key as its secret would verify otherwise.
"""

import base64
import importlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache, lru_cache
from types import ModuleType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation import rfc9421
from federation.addresses import authority, canonical, origin, without_fragment
from federation.claims import (
    LONGEST_HEADER,
    Scheme,
    check_age,
    check_expiry,
    check_sha256,
    covered_value,
    decoded,
    fields_of,
    has_body,
    key_named,
    only,
    timestamp,
)
from federation.claims import Claim as Claim
from federation.claims import Request as Request
from federation.claims import digest_of as digest_of
from federation.errors import FederationError, Malformed, Unverified
from federation.keys import PublicKey as PublicKey
from federation.keys import Signer as Signer

MEDIA_TYPE = "application/activity+json"

_PARAMETER = re.compile(r'([A-Za-z]+)=(?:"([ !#-\[\]-~]*)"|([0-9]+))')
_PARAMETERS = re.compile(rf"{_PARAMETER.pattern}(?:[ \t]*,[ \t]*{_PARAMETER.pattern})*")
_COVERED = re.compile(r"\((?:request-target|created|expires)\)|[a-z0-9!#$%&'*+.^_`|~-]+")
_TARGET = re.compile(r"/[!-~]*")
_KEY_ID = re.compile(r'(?:^|[,;\s])keyid="([^"\\]*)"', re.IGNORECASE)
_DATE = re.compile(r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_claim(request: Request, *, now: datetime) -> Claim:
    """Everything a signature must cover, checked against the request; no network. Raises Unverified or Malformed."""
    if not _TARGET.fullmatch(request.raw_path):
        raise Malformed("the request target is not a path")  # an absolute-form target names a host of its own
    fields = fields_of(request.headers)
    host = only(fields, "host")
    if host is None:
        raise Malformed("there is no Host header")
    if host.lower() != request.authority.lower():
        raise Unverified("the request was meant for another host")
    signature = only(fields, "signature")
    if signature is None:
        raise Unverified("the request is not signed")
    if "signature-input" in fields:
        return rfc9421.read(request, fields, signature, now)
    return _read_cavage(request, fields, signature, now)


def verify(claim: Claim, key: PublicKey) -> None:
    """Nothing, if the holder of `key` made this claim; raises Unverified otherwise."""
    if key.id != claim.key_id:
        raise Unverified("the signature names another key")
    if claim.message is not None:
        rfc9421.verify(claim.message, key)
        return
    expected = "ed25519" if isinstance(key.material, Ed25519PublicKey) else "rsa-sha256"
    if claim.algorithm not in (None, "hs2019", expected):
        raise Unverified("the algorithm is not the key's")
    if not any(_holds(key, claim.signature, string) for string in claim.strings):
        raise Unverified("the signature is wrong")


def claimed_host(headers: Iterable[tuple[str, str]]) -> str | None:
    """The server that a request says it comes from, unproved: fit for choosing a dialect or turning away a blocked one.

    Never raises.
    """
    for name, value in headers:
        if name.lower() in ("signature", "signature-input") and (match := _KEY_ID.search(value[:LONGEST_HEADER])):
            try:
                return authority(match[1])
            except FederationError:
                return None
    return None


def sign(
    signer: Signer,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    digest: str | None = None,
    now: datetime,
    scheme: Scheme = "cavage",
) -> dict[str, str]:
    """The headers that prove a request to `url` to be `signer`'s: with a body also its digest and Content-Type.

    `digest` spares hashing the same body again. The URL is signed in its canonical form and must be sent in it.
    """
    url = without_fragment(canonical(url, development=True))
    if digest is None and body is not None:
        digest = digest_of(body)
    headers = {"Host": authority(url), "Date": format_datetime(now.astimezone(UTC), usegmt=True)}
    if digest is not None:
        headers["Content-Type"] = MEDIA_TYPE
    if scheme == "rfc9421":
        return rfc9421.sign(signer, method, url, headers, digest, now)
    covered = ["(request-target)", "host", "date"]
    if digest is not None:
        headers["Digest"] = digest
        covered += ["digest", "content-type"]
    target = url.removeprefix(origin(url))
    string = _signing_string(covered, {name.lower(): value for name, value in headers.items()}, method, target)
    made = signer.private.sign(string, padding.PKCS1v15(), hashes.SHA256())
    template: str = _grammar().template(signer.key_id, covered)
    # Not the % operator, for which the template was made: key ids may hold percent escapes.
    headers["Signature"] = template.replace('signature="%s"', f'signature="{base64.b64encode(made).decode("ascii")}"')
    return headers


@cache
def _grammar() -> ModuleType:
    """httpsig brings pkg_resources and PyCryptodome: a start should not wait for them, nor who only verifies."""
    return importlib.import_module("federation.cavage")


def _signing_string(covered: Iterable[str], values: dict[str, str], method: str, target: str) -> bytes:
    """What is signed, as httpsig has it: a line for each name; built here, for each letter that comes waits for it."""
    values = {**values, "(request-target)": f"{method.lower()} {target}"}
    return "\n".join([f"{name}: {values[name]}" for name in covered]).encode("ascii")


def _read_cavage(request: Request, fields: dict[str, list[str]], value: str, now: datetime) -> Claim:
    parameters = _parameters(value)
    algorithm = parameters.get("algorithm") or None
    if algorithm not in (None, "rsa-sha256", "hs2019", "ed25519"):
        raise Unverified("the algorithm is not accepted")
    key_id = key_named(parameters.get("keyid"))
    # Without a list only the date would be signed, and the body could be anyone's.
    covered = _covered(parameters.get("headers"))
    needed = {"(request-target)", "host"}
    if has_body(request):
        needed.add("digest")
    if not needed.issubset(covered) or {"date", "(created)"}.isdisjoint(covered):
        raise Unverified("the signature does not cover enough")
    values = {name: covered_value(fields, name) for name in covered if not name.startswith("(")}
    _check_times(parameters, values, covered, algorithm, now)
    if "digest" in covered:
        _check_digest(values["digest"], request.body)
    values |= {f"({name})": parameters[name] for name in ("created", "expires") if f"({name})" in covered}
    targets = [request.raw_path]
    if not has_body(request) and "?" in request.raw_path:
        targets.append(request.raw_path.partition("?")[0])  # some sign the path alone; for reads that is harmless
    strings = [_signing_string(covered, values, request.method, target) for target in targets]
    return Claim("cavage", key_id, algorithm, decoded(parameters.get("signature")), tuple(strings))


def _parameters(value: str) -> dict[str, str]:
    if len(value) > LONGEST_HEADER or not _PARAMETERS.fullmatch(value):
        raise Malformed("the Signature header cannot be read")
    found = [(name.lower(), quoted or number) for name, quoted, number in _PARAMETER.findall(value)]
    parameters = dict(found)
    if len(parameters) != len(found):
        raise Malformed("a parameter of the signature is there twice")  # httpsig's own parser keeps the last
    return parameters


# What a server signs, and the second at which many send, are the same in letter after letter.
@lru_cache(maxsize=512)
def _covered(listed: str | None) -> tuple[str, ...]:
    if not listed:
        raise Unverified("the signature lists no headers")
    names = listed.lower().split(" ")
    if len(set(names)) != len(names) or not all(_COVERED.fullmatch(name) for name in names):
        raise Malformed("the list of signed headers cannot be read")
    return tuple(names)


def _check_times(
    parameters: dict[str, str], values: dict[str, str], covered: tuple[str, ...], algorithm: str | None, now: datetime
) -> None:
    if algorithm == "rsa-sha256" and ("(created)" in covered or "(expires)" in covered):
        raise Unverified("(created) and (expires) do not go with rsa-sha256")  # draft-cavage-12, 2.3
    if ("(created)" in covered and "created" not in parameters) or (
        "(expires)" in covered and "expires" not in parameters
    ):
        raise Unverified("a time is listed as signed and not given")
    if "date" in covered:
        check_age(_date(values["date"]), now)
    created = timestamp(parameters["created"]) if "(created)" in covered else None
    if created is not None:
        check_age(created, now)
    if "expires" in parameters:
        check_expiry(timestamp(parameters["expires"]), created, now)


@lru_cache(maxsize=512)
def _date(text: str) -> datetime:
    match = _DATE.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise Unverified("the Date is not an HTTP date")
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(match[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Unverified("the Date is not a date") from None


def _check_digest(value: str, body: bytes) -> None:
    algorithm, _, rest = value.partition("=")
    if algorithm.lower() != "sha-256":
        raise Unverified("the Digest is not a single SHA-256")
    check_sha256(rest, body)


def _holds(key: PublicKey, signature: bytes, string: bytes) -> bool:
    try:
        if isinstance(key.material, Ed25519PublicKey):
            key.material.verify(signature, string)
        else:
            key.material.verify(signature, string, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
