"""Proofs: what it takes to believe a POST."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from federation import signatures
from federation.keys import PublicKey, Signer
from federation.signatures import Request
from tests.bench import limits
from tests.bench.figures import Figure, middle
from tests.bench.stage import Stage
from tests.bench.world import public_pem

BODY = b'{"type":"Create"}' + b" " * 2000
ACTOR = "https://peer.example/users/ana"
FLOORS = {"cavage": 3.0, "rfc9421": 10.0}


async def measure(stage: Stage) -> list[Figure]:
    """How many times its RSA verification and digest each kind of signature costs."""
    seconds = stage.seconds / 8
    key = PublicKey.load(f"{ACTOR}#main-key", ACTOR, public_pem(stage.private))
    bare: list[float] = []
    costs: dict[str, list[float]] = {scheme: [] for scheme in FLOORS}
    checks = {scheme: _check(stage, scheme, key) for scheme in FLOORS}
    for _ in range(stage.runs * 2):
        bare.append(1e6 / limits.verify_rate(stage.private, BODY, seconds))
        for scheme, check in checks.items():
            costs[scheme].append(1e6 / limits.rate_of(check, seconds))
    return [
        Figure(
            f"verifying a POST, {name}", middle(costs[scheme]), "us", FLOORS[scheme],
            middle([one / other for one, other in zip(costs[scheme], bare, strict=True)]), at_most=True,
            limit=f"times its RSA and digest, {middle(bare):.1f} us", quick_floor=FLOORS[scheme] * 1.3,
        )
        for scheme, name in (("cavage", "draft-cavage"), ("rfc9421", "RFC 9421"))
    ]  # fmt: skip


def _check(stage: Stage, scheme: str, key: PublicKey) -> Callable[[], None]:
    now = datetime.now(UTC)
    signed = signatures.sign(
        Signer(f"{ACTOR}#main-key", stage.private), "POST", "https://node.example/inbox", body=BODY, now=now,
        scheme="rfc9421" if scheme == "rfc9421" else "cavage",
    )  # fmt: skip
    headers = (*signed.items(), ("Content-Length", str(len(BODY))), ("User-Agent", "Mastodon/4.5.0"))
    request = Request("POST", "/inbox", headers, BODY, "node.example", "https")
    return partial(_verify, request, key, now)


def _verify(request: Request, key: PublicKey, now: datetime) -> None:
    signatures.verify(signatures.read_claim(request, now=now), key)
