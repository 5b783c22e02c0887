"""What can only be seen from outside: our name, our certificate, our proxy, our clock, and what servers find here."""

import ssl
from datetime import timedelta
from statistics import median
from urllib.parse import urlsplit

from node.app import Parts
from node.doctor.findings import Check, Ill
from node.fediverse.ourselves import NotReached
from node.mail import smtp
from storage import people, soundness
from storage.work import Work

SOON = timedelta(days=14)  # a certificate should have been renewed by now
DRIFT, TOO_FAR = timedelta(seconds=30), timedelta(minutes=5)  # Mastodon refuses what is twelve hours off; some, minutes


async def name(parts: Parts) -> str:
    """Our name leads to the public internet."""
    try:
        addresses = await parts.outside.addresses()
    except OSError as error:
        raise Ill(
            f"our name cannot be found: {error}", "Add an A or AAAA record for it with your DNS provider."
        ) from None
    shown = ", ".join(answer.claimed_ip for answer, _ in addresses)
    inner = [answer.claimed_ip for answer, public in addresses if not public]
    if parts.node.settings.development:
        return f"{shown} (development: any address will do)"
    if inner:
        raise Ill(
            f"our name leads to {', '.join(inner)}, which others cannot reach",
            "Give it the public address in DNS; a hosts file or an inner DNS server may answer otherwise here.",
        )
    return shown


async def certificate(parts: Parts) -> str:
    """Others trust what our front shows."""
    if parts.node.settings.scheme == "http":
        return "none: this node is in development mode, on http"
    try:
        shown = await parts.outside.certificate()
    except ssl.SSLCertVerificationError as error:
        raise Ill(
            f"the certificate is not trusted: {error.verify_message}", "Have your proxy get one that is."
        ) from None
    except (NotReached, OSError) as error:
        raise Ill(f"no TLS at our name: {error}", "Have your proxy listen on port 443.") from None
    left = shown.until - parts.node.storage.now()
    if left < SOON:
        raise Ill(f"the certificate ends in {left.days} days", "See why your proxy does not renew it.", grade="warning")
    return f"trusted, for {left.days} days more"


async def mirror(parts: Parts) -> str:
    """What we send to our own name comes here as it was sent, and our proxy says for whom it asks."""
    settings = parts.node.settings
    try:
        seen = await parts.outside.look_into_mirror()
    except NotReached as error:
        raise Ill(f"a request to our own name does not come here: {error}", "Is the node running behind it?") from None
    if seen.host.lower() != settings.authority:
        raise Ill(
            f"the proxy says Host: {seen.host or '(nothing)'}",
            "Have it hand on the Host header: proxy_set_header Host $host; (nginx)",
        )
    if seen.signature:
        raise Ill(f"our own signature did not arrive whole: {seen.signature}", "The proxy changes path or headers.")
    if settings.development:
        return "a signed request of ours arrives and is verified"
    if seen.remote not in settings.trusted_proxies:
        raise Ill(
            f"{seen.remote} speaks to us, and is not in trusted_proxies",
            "Name your proxy there, else all people seem to come from one address.",
            grade="warning",
        )
    if not seen.forwarded["X-Forwarded-For"]:
        raise Ill("the proxy does not say for whom it asks", "Have it send X-Forwarded-For.", grade="warning")
    if seen.forwarded["X-Forwarded-Proto"] not in ([], ["https"]):
        raise Ill("X-Forwarded-Proto is not https", "Have the proxy say how it was asked.", grade="warning")
    return "a signed request of ours arrives whole, through the proxy"


async def clock(parts: Parts) -> str:
    """Others take our signatures for fresh, and we theirs."""
    now = parts.node.storage.now
    offsets = []
    for host in await parts.node.storage.read(soundness.peers):
        there = await parts.outside.clock_of(host)
        if there is not None:
            offsets.append((now() - there).total_seconds())
    if not offsets:
        return "not compared: no other server was at hand"
    off = timedelta(seconds=median(offsets))
    says = f"{abs(off.total_seconds()):.0f} seconds off, by {len(offsets)} other servers"
    if abs(off) > DRIFT:
        raise Ill(says, "Have it set: timedatectl set-ntp true", grade="failed" if abs(off) > TOO_FAR else "warning")
    return says


async def actor(parts: Parts) -> str:
    """A server that follows us gets our actor."""
    try:
        found = await parts.outside.actor()
    except NotReached as error:
        raise Ill(
            f"our actor cannot be fetched: {error}", "Have the proxy hand on Accept, and not cache across it."
        ) from None
    if found.get("id") != f"{parts.node.settings.origin}/actor":
        raise Ill(f"at our name is {found.get('id')}", "Another node answers there.")
    return str(found["id"])


async def webfinger(parts: Parts) -> str:
    """A handle of ours is found."""
    ours = await parts.node.storage.read(_some_name)
    if ours is None:
        return "nobody is here yet whose handle could be looked up"
    name, uri = ours
    try:
        found = await parts.outside.webfinger(name)
    except NotReached as error:
        raise Ill(f"@{name} is not found: {error}", "Have the proxy hand on /.well-known/webfinger.") from None
    if found != uri:
        raise Ill(f"@{name} leads to {found}", "Another server answers for our name.")
    return f"@{name}@{parts.node.settings.authority} is found"


def _some_name(work: Work) -> tuple[str, str] | None:
    found = people.by_uri(work, f"{work.origin}/actor")
    return (found.name, found.uri) if found is not None and found.name else None


async def nodeinfo(parts: Parts) -> str:
    """Lemmy takes a server for dead that does not answer here."""
    try:
        software, version = await parts.outside.nodeinfo()
    except NotReached as error:
        raise Ill(
            f"NodeInfo is not found: {error}", "Have the proxy hand on /.well-known/nodeinfo and /nodeinfo."
        ) from None
    return f"{software} {version}"


async def mail(parts: Parts) -> str:
    """The mail server takes us in; nothing is sent."""
    server = parts.node.settings.smtp
    if server is None:
        raise Ill("there is no mail: nobody can have a new password sent", "Set smtp_url.", grade="warning")
    host = urlsplit(parts.node.settings.origin).hostname or "localhost"
    try:
        async with smtp.line(server, host):
            return f"{server.host}:{server.port} lets us in ({server.encryption})"
    except smtp.TryLater as error:
        raise Ill(str(error), "See smtp_url: host, port, user and password.") from None


CHECKS: dict[str, Check] = {
    "our name": name,
    "certificate": certificate,
    "proxy and signature": mirror,
    "actor": actor,
    "webfinger": webfinger,
    "nodeinfo": nodeinfo,
    "clock": clock,
    "mail server": mail,
}
