"""What is done for an entry, by its target: inbox, signature, actor, object, webfinger, url or html."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.x509.oid import NameOID
from multidict import CIMultiDict

from federation.errors import FederationError
from node.forum import members
from node.forum.errors import Refusal
from node.forum.text import TextRefused
from storage import people as stored_people
from storage.schema import Group
from storage.work import Work
from tests.attack import forging
from tests.attack.corpus import Unplayable
from tests.attack.judging import Page, forbidden
from tests.attack.scene import PUBLIC, Play, Sender, Stage
from tests.peers.scripted import Answer, Document, Script
from tests.peers.wire import ACTIVITY_JSON, Outgoing

Act = Callable[[Stage, Play], Awaitable[None]]
Sink = Callable[[Stage, Play, str], Awaitable[None]]

# What each name of a sink in a corpus means here; those that this node does not have are played as their next of kin.
SINKS = ("keyId", "actor", "inbox", "object", "inReplyTo", "replies", "context", "webfinger host", "attachment", "icon")
SINKS += ("preview", "remote-follow", "nodeinfo")


def hello(stage: Stage, play: Play, **more: Any) -> Document:
    """What mallory says when nothing else is said."""
    name, content = more.pop("name_of_it", play.uniq), more.pop("content", f"<p>hello {play.uniq}</p>")
    published = stage.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    return play.mallory.note(name, content, play.post, cc=[stage.at["bob"]], published=published) | more


# ------------------------------------------------------------------ inbox


async def inbox(stage: Stage, play: Play) -> None:
    """One activity, or bytes that should be one, well signed by mallory, or by the group that is mallory's too."""
    payload = play.entry.payload
    if payload.get("sign_as", "mallory") != "mallory":
        raise Unplayable(f"nobody is called {payload['sign_as']}")
    body = _body(stage, play)
    content_type = play.fill(payload.get("headers", {})).get("Content-Type", ACTIVITY_JSON)
    letter = stage.letter(body, content_type=content_type)
    activity = payload.get("activity")
    runs_the_group = isinstance(activity, dict) and activity.get("actor") == "{{evil}}/c/group"
    sender = play.group if runs_the_group else play.mallory
    for _ in range(payload.get("repeat", 1)):
        await stage.attack(play, letter.sign_cavage(sender.key, sender.key_id))


def _body(stage: Stage, play: Play) -> bytes:
    payload, fill = play.entry.payload, play.fill
    if "activity" in payload:
        return json.dumps(fill(payload["activity"])).encode()
    if "raw" in payload:
        return str(fill(payload["raw"])).encode("utf-8", "surrogatepass")
    if "raw_b64" in payload:
        return base64.b64decode(payload["raw_b64"])
    if "gen" in payload:
        return fill.generated(payload["gen"]).encode()
    if "gen_field" in payload:
        gen = payload["gen_field"]
        values = [fill(gen["value"], i=str(i)) for i in range(gen["count"])]
        note = hello(stage, play)
        activity = play.mallory.says(note)
        whole = activity if gen["field"] in activity else note
        whole[gen["field"]] = values
        return json.dumps(activity).encode()
    raise Unplayable("there is nothing to send")


async def set_up(stage: Stage, play: Play) -> None:
    """What must have happened before, as the entry says or as its ids imply."""
    setup = play.entry.payload.get("setup", "")
    if setup == "first Create stored":
        await _say(stage, play, play.mallory, "first", "<p>original</p>")
    elif "banned" in setup:
        await stage.moot.storage.write(_ban, play.mallory.uri, _name_of(stage.at["group"]))
    elif setup:
        raise Unplayable(f"nobody knows how to set up: {setup}")
    if play.entry.says("/n/by-carol"):
        await _say(stage, play, play.carol, "by-carol", "<p>by carol</p>")


async def _say(stage: Stage, play: Play, sender: Sender, name: str, content: str) -> None:
    await stage.deliver(sender, sender.says(sender.note(name, content, play.post, cc=[stage.at["bob"]])))
    await stage.moot.settle()


def _ban(work: Work, uri: str, group_name: str) -> None:
    actor, group = stored_people.by_uri(work, uri), stored_people.by_name(work, group_name)
    assert actor is not None
    assert group is not None
    members.set_role(work, None, work.get_one(Group, group.id), actor, "banned", "attacks")


def _name_of(uri: str) -> str:
    return uri.rpartition("/")[2]


# ------------------------------------------------------------------ signature


async def signature(stage: Stage, play: Play) -> None:
    """A letter with a bent signature."""
    ops = {name for mutation in play.entry.payload["mutate"] for name in mutation}
    if "sequence" in ops:
        await _old_update_again(stage, play)
        return
    requests = list(forging.letters(stage, play, hello(stage, play)))
    times = next((m["repeat"] for m in play.entry.payload["mutate"] if "repeat" in m), 1)
    for request in requests * times:
        await stage.attack(play, request)


async def _old_update_again(stage: Stage, play: Play) -> None:
    note = hello(stage, play)
    await stage.post(play.mallory, play.mallory.says(note))
    await stage.moot.settle()
    letters = []
    for version in ("v1", "v2"):
        edited = note | {"content": f"<p>{version}</p>", "updated": f"2026-11-22T12:00:0{version[1]}Z"}
        update = play.mallory.does("Update", edited, id=f"{play.origin}/u/{version}", to=[PUBLIC])
        letters.append(stage.letter(update).sign_cavage(play.mallory.key, play.mallory.key_id))
        await stage.attack(play, letters[-1])
        await stage.moot.settle()
    await stage.attack(play, letters[0])
    await stage.moot.settle()
    html = await stage.moot.said(note["id"]) or ""
    if "v2" not in html:
        play.wrong.append(f"the old version came back: {html}")


# ------------------------------------------------------------------ actor


async def actor(stage: Stage, play: Play) -> None:
    """An actor or key document, then a letter whose key it should be; then whatever would be sent to that actor."""
    payload = play.entry.payload
    url = str(play.fill(payload["url"]))
    if "?u=" in url:  # an open redirect of an honest host
        stage.world.redirect(url, url.partition("?u=")[2])
        serve(stage, play, url.partition("?u=")[2], payload["serve"])
    else:
        serve(stage, play, url, payload["serve"])
    served = play.fill(payload["serve"].get("body") or {})
    document = served if isinstance(served, dict) else {}
    key_id = url if "publicKeyPem" in document or "?u=" in url else f"{url}#main-key"
    told = json.dumps(document.get("publicKey", {})) + json.dumps([document.get("id"), document.get("owner")])
    claimed = [play.mallory.uri] + ([stage.alice.uri] if stage.alice.uri in told or "?u=" in url else [])
    key = await key_for(play)
    for uri in claimed:
        sender = Sender(uri, key)
        note = sender.note(f"{play.uniq}", f"<p>hello {play.uniq}</p>", play.post, cc=[stage.at["bob"]])
        letter = stage.letter(sender.says(note)).sign_cavage(key, key_id)
        await stage.attack(play, letter)
    await stage.moot.settle()
    # Somebody who was let in is answered, and written to.
    follow = play.mallory.does("Follow", stage.at["group"], id=f"{play.origin}/f/1")
    await stage.send(stage.letter(follow).sign_cavage(key, key_id))
    await stage.moot.settle()
    await stage.moot.say("dora", play.post, "To all who listen")
    await stage.moot.settle()


def serve(stage: Stage, play: Play, url: str, how: dict[str, Any]) -> None:
    """Answer GET at the URL as the entry says; if it makes up addresses, at every other one of that host too."""
    script = _script(stage, play, how)
    stage.world.script("GET", url, script)
    if "{{rand}}" in json.dumps(how):
        stage.world.otherwise[play.evil] = script


def _script(stage: Stage, play: Play, how: dict[str, Any]) -> Script:
    pem = _pem_of(how, play)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        self_url = f"https://{request.headers['Host']}{request.raw_path}"
        headers: list[tuple[str, str]] = []
        for name, value in play.fill(how.get("headers", {}), self_url=self_url).items():
            headers += [(name, one) for one in (value if isinstance(value, list) else [value])]
        if how.get("stream") == "endless":
            response = web.StreamResponse(headers=dict(headers))
            await response.prepare(request)
            try:
                for _ in range(1000):
                    await response.write(b'"' + b"a" * 65536)
                    await asyncio.sleep(0)  # the node has its turn in the same loop
            except ConnectionError:
                play.bodies.append(b"aborted")
            else:
                play.wrong.append("took 64 MB of a document")
            return response
        body = how.get("body", {})
        if how.get("body_gen"):
            raw = gzip.compress(b" " * (64 << 20))
        elif isinstance(body, str):
            raw = str(play.fill(body)).encode()
        elif body is None:
            raw = b""
        else:
            filled = play.fill(body, self_url=self_url)
            if pem is not None:
                filled = json.loads(json.dumps(filled).replace(json.dumps(pem[0])[1:-1], json.dumps(pem[1])[1:-1]))
            raw = json.dumps(filled).encode()
        if any(name.lower() == "content-length" for name, _ in headers):
            return await _short(request, headers, raw)
        if "served as none" in play.entry.description:
            headers = []
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/octet-stream"))
        return web.Response(status=how.get("status", 200), body=raw, headers=_multi(headers))

    return answer


def _multi(headers: list[tuple[str, str]]) -> Any:
    return CIMultiDict((name, value.replace("\r", "").replace("\n", "")) for name, value in headers)


async def _short(request: web.BaseRequest, headers: list[tuple[str, str]], raw: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers=dict(headers))
    await response.prepare(request)
    await response.write(raw)
    transport = request.transport
    if transport is not None:
        transport.close()
    return response


# Keys that a corpus only describes: by the words that describe them.
_KEYS: dict[str, Any] = {}


def _made(words: str) -> tuple[Any, str] | None:
    """The private key and the PEM for `<2048-bit RSA, e=3>` and the like."""
    if words not in _KEYS:
        _KEYS[words] = _make(words.lower())
    found: tuple[Any, str] | None = _KEYS[words]
    return found


def _make(words: str) -> tuple[Any, str] | None:
    form = serialization.PublicFormat
    if "bit rsa" in words:
        bits = int(words.lstrip("<").split("-")[0])
        exponent = 3 if "e=3" in words else 65537
        if bits > 4096:
            public = rsa.RSAPublicNumbers(65537, (1 << bits) - 159).public_key()
            return None, _pem(public, form.SubjectPublicKeyInfo)
        private = rsa.generate_private_key(exponent, bits)
        return private, _pem(private.public_key(), form.SubjectPublicKeyInfo)
    if "dsa" in words:
        return None, _pem(dsa.generate_private_key(2048).public_key(), form.SubjectPublicKeyInfo)
    private = rsa.generate_private_key(65537, 2048)
    if "certificate" in words:
        return private, _certificate(private)
    if "rsa public key" in words:
        return private, _pem(private.public_key(), form.PKCS1)
    if "crlf" in words:
        return private, _pem(private.public_key(), form.SubjectPublicKeyInfo).replace("\n", "\r\n")
    if "private" in words:
        lock = serialization.BestAvailableEncryption(b"x") if "encrypted" in words else serialization.NoEncryption()
        return private, private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock
        ).decode()
    return None


def _pem(public: Any, form: serialization.PublicFormat) -> str:
    return str(public.public_bytes(serialization.Encoding.PEM, form).decode())


def _certificate(private: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mallory")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _described(how: dict[str, Any]) -> str | None:
    body = how.get("body")
    key = body.get("publicKey") if isinstance(body, dict) else None
    pem = key.get("publicKeyPem") if isinstance(key, dict) else None
    return pem if isinstance(pem, str) and pem.startswith("<") else None


def _pem_of(how: dict[str, Any], play: Play) -> tuple[str, str] | None:
    words = _described(how)
    if words is None:
        return None
    made = _made(words)
    if made is None:
        raise Unplayable(f"there is no key like {words}")
    return words, made[1]


async def key_for(play: Play) -> rsa.RSAPrivateKey:
    """What signs for the actor that the entry shows; made when it is first asked for, which takes a while."""
    words = _described(play.entry.payload.get("serve", {}))
    made = await asyncio.to_thread(_made, words) if words else None
    private = made[0] if made else None
    return private if private is not None else play.mallory.key


# ------------------------------------------------------------------ object


async def obj(stage: Stage, play: Play) -> None:
    """A document that is fetched because a letter names it: as object, as parent, as collection, in a boost."""
    how = play.entry.payload["serve"]
    if "votes" in how:
        await _stuff(stage, play, how["votes"])
        return
    url = str(play.fill(play.entry.payload["url"]))
    serve(stage, play, url, how)
    bob = stage.at["bob"]
    mention = [{"type": "Mention", "href": bob, "name": "@bob@node.test"}]
    letters = [
        play.mallory.does("Create", url, id=f"{play.origin}/a/1", cc=[bob]),
        play.mallory.does("Update", url, id=f"{play.origin}/a/2", cc=[bob]),
        play.group.does("Announce", url, id=f"{play.origin}/a/3", cc=[bob]),
    ]
    for key in ("inReplyTo", "replies", "context"):
        note = hello(stage, play, name_of_it=f"{play.uniq}-{key}", tag=mention) | {key: url}
        letters.append(play.mallory.says(note))
    counts = []
    for letter in letters:
        before = len(stage.world.fetches)
        sender = play.group if letter["actor"] == play.group.uri else play.mallory
        await stage.attack(play, stage.letter(letter).sign_cavage(sender.key, sender.key_id))
        await stage.moot.settle()
        counts.append(
            sum(1 for fetch in stage.world.fetches[before:] if fetch.url not in (play.mallory.uri, play.group.uri))
        )
    play.fetches = max(counts)  # each letter is a cause of its own
    thread = await stage.moot.item(play.post)
    assert thread is not None
    before = len(stage.world.fetches)
    await stage.moot.node.network.fetch_missing(thread.thread_id)
    play.fetches = max(play.fetches, len(stage.world.fetches) - before)


async def _stuff(stage: Stage, play: Play, votes: int) -> None:
    """One actor votes again and again; polls of ours are all there is to stuff."""
    for number in range(min(votes, 50)):
        vote = play.mallory.note(f"vote-{number}", "", play.post) | {"name": "yes"}
        del vote["content"]
        await _as_mallory(stage, play, play.mallory.says(vote))


# ------------------------------------------------------------------ webfinger


async def webfinger(stage: Stage, play: Play) -> None:
    """A question to our WebFinger, an answer of theirs, or handles that somebody types."""
    payload = play.entry.payload
    if "query" in payload:
        await _ask_webfinger(stage, play, payload["query"])
    elif "search" in payload:
        for handle in payload["search"]:
            await _finger(stage, play, str(play.fill(handle)))
    elif "serve" in payload:
        script = _script(stage, play, payload["serve"])
        stage.world.otherwise[play.evil] = script
        await _finger(stage, play, f"@mallory@{play.evil}")
    else:
        raise Unplayable("there is nothing to ask")


async def _ask_webfinger(stage: Stage, play: Play, query: str | None) -> None:
    resource = "" if query is None else f"?resource={quote(str(play.fill(query)), safe='')}"
    status, response, body = await stage.moot.get(f"/.well-known/webfinger{resource}", accept="*/*")
    play.statuses.append(status)
    play.bodies.append(body)
    if response.headers.get("Access-Control-Allow-Origin") != "*":
        play.wrong.append("no CORS for WebFinger")
    if status == 200 and not response.headers["Content-Type"].startswith("application/jrd+json"):
        play.wrong.append(f"answers {response.headers['Content-Type']}")
    if query and len(query) > 8 and any(str(play.fill(query)) in value for value in response.headers.values()):
        play.wrong.append("the question is in a header of the answer")
    if status == 200 and "hidden" in (query or ""):
        play.wrong.append("tells of a secret group")


async def _finger(stage: Stage, play: Play, handle: str) -> None:
    try:
        actor_id = await stage.moot.node.network.find_actor(handle)
    except (Refusal, FederationError):
        actor_id = None
    if actor_id is not None:
        uri = await stage.moot.storage.read(_uri_of, actor_id)
        # A name may lead to alice, who is then shown under her own; it may not be shown for somebody else's.
        if uri != stage.alice.uri and uri.split("/")[2] != handle.rpartition("@")[2]:
            play.wrong.append(f"{handle} is taken for {uri}")
    await interact(stage, play, handle)


def _uri_of(work: Work, actor_id: int) -> str:
    return stored_people.by_id(work, actor_id).uri


async def interact(stage: Stage, play: Play, handle: str) -> None:
    """A visitor says where they have their account."""
    form = {"object": stage.at["base"], "intent": "reply", "handle": handle, "go": "1"}
    async with stage.moot.session.post(
        f"http://127.0.0.1:{stage.moot.site.port}/interact",
        data=form,
        headers={"Host": "node.test", "Origin": "https://node.test"},
        allow_redirects=False,
    ) as response:
        body = await response.read()
        if response.status >= 500:
            play.wrong.append(f"/interact answers {response.status}")
        place = response.headers.get("Location", "https://")
        if not place.startswith("https://"):
            play.wrong.append(f"/interact leads to {place}")
        if b"javascript:" in body.lower() and b"href" in body.lower().split(b"javascript:")[0][-12:]:
            play.wrong.append("/interact shows a link that runs")


# ------------------------------------------------------------------ url


async def address(stage: Stage, play: Play) -> None:
    """An address in each place from which we would fetch, or to which we would write."""
    payload = play.entry.payload
    url = str(play.fill(payload["url"]))
    if "dns" in payload:
        _lie(stage, play, payload["dns"])
    unknown = set(payload["sinks"]) - set(SINKS)
    if unknown:
        raise Unplayable(f"no sink is called {', '.join(unknown)}")
    for sink in payload["sinks"]:
        # Failures are remembered by address: each place asks for one of its own, where that changes nothing.
        there = f"{url}{quote(sink)}" if re.fullmatch(r"https?://[^/]+/", url) else url
        await _SINKS[sink](stage, play, there)
    await stage.moot.settle()
    # What mallory's broken inbox would get.
    await stage.moot.say("dora", play.post, "To all who listen")


def _lie(stage: Stage, play: Play, dns: list[str]) -> None:
    said: list[list[str]] = [[]]
    for answer in dns:
        if answer.startswith("then "):
            said.append([answer.removeprefix("then ")])
        elif answer == "CNAME localhost":
            said[-1].append("127.0.0.1")
        elif many := re.fullmatch(r"([\d.]+)\.x\*(\d+)", answer):
            said[-1] += [f"{many[1]}.{i % 255}" for i in range(int(many[2]))]
        else:
            said[-1].append(answer)
    stage.net.lies[play.fill.renamed["rebind.test"]] = said


async def _sink_key(stage: Stage, play: Play, url: str) -> None:
    activity = play.mallory.says(hello(stage, play))
    for name in ("keyid", "keyId"):
        letter = stage.letter(activity).sign_cavage(play.mallory.key, _latin(url))
        if name == "keyid":
            letter = stage.letter(activity).sign_rfc9421(play.mallory.key, _latin(url), now=stage.clock())
        await stage.attack(play, _without_breaks(letter))


def _latin(url: str) -> str:
    return url.encode("utf-8").decode("latin-1")


def _without_breaks(letter: Outgoing) -> bytes:
    """Bytes whose header values hold no line break of their own, which would be another header."""
    headers = tuple((name, value.replace("\n", " ").replace("\r", " ")) for name, value in letter.headers)
    return Outgoing(letter.method, letter.url, headers, letter.body).raw()


async def _sink_actor(stage: Stage, play: Play, url: str) -> None:
    await _as_mallory(stage, play, play.mallory.says(hello(stage, play)) | {"actor": url})
    note = hello(stage, play, name_of_it=f"{play.uniq}-b", attributedTo=url)
    await _as_mallory(stage, play, play.mallory.says(note))


async def _sink_inbox(stage: Stage, play: Play, url: str) -> None:
    stranger = Sender(f"{play.origin}/u/stranger", play.mallory.key)
    stage.show(stranger, inbox=url, endpoints={"sharedInbox": url})
    follow = stranger.does("Follow", stage.at["group"], id=f"{play.origin}/f/stranger")
    await stage.attack(play, stage.letter(follow).sign_cavage(stranger.key, stranger.key_id))
    shared = Sender(f"{play.origin}/u/shared", play.mallory.key)
    stage.show(shared, endpoints={"sharedInbox": url})
    follow = shared.does("Follow", stage.at["group"], id=f"{play.origin}/f/shared")
    await stage.attack(play, stage.letter(follow).sign_cavage(shared.key, shared.key_id))


async def _sink_object(stage: Stage, play: Play, url: str) -> None:
    for number, type in enumerate(("Create", "Update", "Announce", "Like", "Delete", "Undo", "Follow", "Flag")):
        activity = play.mallory.does(type, url, id=f"{play.origin}/o/{number}", cc=[stage.at["bob"]])
        await _as_mallory(stage, play, activity)
    wrapped = {"type": "Create", "id": url, "actor": url, "object": url}
    await _as_mallory(stage, play, play.group.does("Announce", wrapped, id=f"{play.origin}/o/w"), play.group)


def _in_note(*fields: str, make: Callable[[str], Any] = lambda url: url) -> Sink:
    async def sink(stage: Stage, play: Play, url: str) -> None:
        more = dict.fromkeys(fields, make(url))
        mention = [{"type": "Mention", "href": stage.at["bob"], "name": "@bob@node.test"}]
        note = hello(stage, play, name_of_it=f"{play.uniq}-{fields[0]}", tag=mention) | more
        await _as_mallory(stage, play, play.mallory.says(note))

    return sink


async def _sink_icon(stage: Stage, play: Play, url: str) -> None:
    pictured = Sender(f"{play.origin}/u/pictured", play.mallory.key)
    image = {"type": "Image", "url": url}
    stage.show(pictured, icon=image, image=image, url=url, featured=url, outbox=url, followers=url)
    note = pictured.note(f"{play.uniq}-icon", "<p>me</p>", play.post)
    await stage.attack(play, stage.letter(pictured.says(note)).sign_cavage(pictured.key, pictured.key_id))


async def _sink_handle(stage: Stage, play: Play, url: str) -> None:
    host = url.partition("://")[2].partition("/")[0] or url
    await _finger(stage, play, f"@mallory@{host}")


async def _sink_remote_follow(stage: Stage, play: Play, url: str) -> None:
    links = [{"rel": "http://ostatus.org/schema/1.0/subscribe", "template": url + "{uri}"}]
    links += [{"rel": "self", "type": ACTIVITY_JSON, "href": url}]
    jrd = {"subject": f"acct:visitor@{play.evil}", "links": links}
    stage.world.otherwise[play.evil] = Answer(200, jrd, "application/jrd+json")
    await _finger(stage, play, f"@visitor@{play.evil}")
    del stage.world.otherwise[play.evil]
    await interact(stage, play, url)


async def _sink_nodeinfo(stage: Stage, play: Play, url: str) -> None:
    host = f"info.{play.evil}"
    links = {"links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": url}]}
    stage.world.serve(f"https://{host}/.well-known/nodeinfo", links, content_type="application/json")
    sender = Sender(f"https://{host}/u/info", play.mallory.key)
    stage.show(sender)
    like = sender.does("Like", play.post, id=f"https://{host}/like/1")
    await stage.attack(play, stage.letter(like).sign_cavage(sender.key, sender.key_id))


async def _as_mallory(stage: Stage, play: Play, activity: Document, sender: Sender | None = None) -> None:
    sender = sender or play.mallory
    body = json.dumps(activity).encode()
    await stage.attack(play, stage.letter(body).sign_cavage(sender.key, sender.key_id))


_SINKS: dict[str, Sink] = {
    "keyId": _sink_key,
    "actor": _sink_actor,
    "inbox": _sink_inbox,
    "object": _sink_object,
    "inReplyTo": _in_note("inReplyTo"),
    "replies": _in_note("replies", "likes", "shares"),
    "context": _in_note("context", "conversation", "audience"),
    "webfinger host": _sink_handle,
    "attachment": _in_note("attachment", make=lambda url: [{"type": "Document", "mediaType": "image/png", "url": url}]),
    "icon": _sink_icon,
    "preview": _in_note("content", make=lambda url: f'<p><a href="{url}">look</a></p>'),
    "remote-follow": _sink_remote_follow,
    "nodeinfo": _sink_nodeinfo,
}


# ------------------------------------------------------------------ html


async def html(stage: Stage, play: Play) -> None:
    """Words in every place that shows words, between two honest replies; then every page that shows them."""
    payload = play.entry.payload
    await _honest(stage, play, "before")
    began = time.process_time()
    if "html" in payload or "html_gen" in payload:
        words = str(play.fill(payload["html"])) if "html" in payload else play.fill.generated(payload["html_gen"])
        await _words_everywhere(stage, play, words)
    elif "markdown" in payload or "markdown_gen" in payload:
        source = payload["markdown"] if "markdown" in payload else play.fill.generated(payload["markdown_gen"])
        try:
            await stage.moot.say("bob", play.post, source)
        except (TextRefused, Refusal):
            play.bodies.append(b"refused")
    elif "sink" in payload:
        await _one_sink(stage, play, payload["sink"], payload["value"])
    else:
        raise Unplayable("there are no words")
    await stage.moot.settle()
    play.cpu_ms = (time.process_time() - began) * 1000  # without the looking, which is ours
    await _honest(stage, play, "after")
    await look(stage, play)


async def _honest(stage: Stage, play: Play, when: str) -> None:
    note = stage.hana.note(f"{play.uniq}-{when}", f"<p>honest {when} {play.uniq}</p>", play.post)
    await stage.deliver(stage.hana, stage.hana.says(note))
    await stage.moot.settle()


async def _words_everywhere(stage: Stage, play: Play, words: str) -> None:
    notes = [
        hello(stage, play, content=words),
        hello(stage, play, name_of_it=f"{play.uniq}-s", summary=words, sensitive=True),
        hello(stage, play, name_of_it=f"{play.uniq}-n", name=words, type="Article"),
        hello(stage, play, name_of_it=f"{play.uniq}-m", contentMap={"en": words}, content=None),
        hello(stage, play, name_of_it=f"{play.uniq}-q", type="Question", oneOf=[{"type": "Note", "name": words}]),
    ]
    for note in notes:
        await _as_mallory(stage, play, play.mallory.says(note))
    stranger = Sender(f"{play.origin}/u/stranger", play.mallory.key)
    fields = [{"type": "PropertyValue", "name": words[:5000], "value": words}]
    stage.show(stranger, summary=words, name=words[:5000], attachment=fields)
    said = stranger.says(stranger.note(f"{play.uniq}-x", words, play.post))
    await stage.attack(play, stage.letter(said).sign_cavage(stranger.key, stranger.key_id))
    opening = stranger.note(f"{play.uniq}-t", words, play.post, name=words[:5000])
    opening |= {"inReplyTo": None, "to": [PUBLIC, stage.at["group"]], "type": "Article"}
    opening["tag"] = [{"type": "Mention", "href": stage.at["group"], "name": "@commons@node.test"}]
    await stage.attack(play, stage.letter(stranger.says(opening)).sign_cavage(stranger.key, stranger.key_id))
    flag = play.mallory.does("Flag", [play.post], id=f"{play.origin}/flag/1", content=words)
    await _as_mallory(stage, play, flag)


def _fields_of(sink: str, value: Any, play: Play) -> dict[str, Any]:
    """What a note has that carries the value in that sink."""
    icon = {"type": "Image", "mediaType": "image/png", "url": f"{play.origin}/e.png"}
    image = {"type": "Document", "mediaType": "image/png", "url": f"{play.origin}/i.png", "name": "alt"}
    mention = {"type": "Mention", "href": f"{play.origin}/u/carol", "name": f"@carol@{play.evil}"}
    emoji = {"type": "Emoji", "name": ":blob:", "icon": icon}
    link = '<a class="mention" href="{}">{}</a>'
    poll = {"type": "Question", "endTime": "2027-01-01T00:00:00Z"}
    found: dict[str, dict[str, Any]] = {
        "emoji name": {"tag": [emoji | {"name": value}], "content": f"<p>{value}</p>"},
        "emoji icon.url": {"tag": [emoji | {"icon": icon | {"url": value}}], "content": "<p>:blob:</p>"},
        "hashtag name": {"tag": [{"type": "Hashtag", "name": value, "href": f"{play.origin}/t"}]},
        "hashtag href": {"tag": [{"type": "Hashtag", "name": "#t", "href": value}]},
        "mention href": {"tag": [mention | {"href": value}], "content": link.format(value, "@carol")},
        "mention name": {"tag": [mention | {"name": value}], "content": link.format(mention["href"], value)},
        "attachment url": {"attachment": [image | {"url": value}]},
        "attachment mediatype": {"attachment": [image | {"mediaType": value}]},
        "attachment blurhash": {"attachment": [image | {"blurhash": value}]},
        "object url list": {"url": value},
        "object url": {"url": value},
        "inline json": {"content": value},
        "contentmap language": {"contentMap": {str(value): "<p>in tongues</p>"}},
        "question option": poll | {"oneOf": [{"type": "Note", "name": value}]},
    }  # fmt: skip
    for words, fields in found.items():
        if words in sink.lower():
            return fields
    return {}


async def _one_sink(stage: Stage, play: Play, sink: str, value: Any) -> None:
    value = play.fill(value)
    if fields := _fields_of(sink, value, play):
        await _as_mallory(stage, play, play.mallory.says(hello(stage, play, **fields)))
        return
    if "title" in sink:
        try:
            play.post = await stage.moot.start("bob", "commons", value, f"about {play.uniq}")
        except Refusal:
            play.bodies.append(b"refused")
        return
    if "actor url" in sink or "display name" in sink:
        stranger = Sender(f"{play.origin}/u/stranger", play.mallory.key)
        stage.show(stranger, **{"url" if "url" in sink else "name": value})
        said = stranger.says(stranger.note(f"{play.uniq}-x", "<p>me</p>", play.post))
        await stage.attack(play, stage.letter(said).sign_cavage(stranger.key, stranger.key_id))
        return
    if "nodeinfo" in sink:
        stage.world.nodeinfo(f"soft.{play.evil}", value, value)
        sender = Sender(f"https://soft.{play.evil}/u/x", play.mallory.key)
        stage.show(sender)
        said = sender.says(sender.note(f"{play.uniq}-x", "<p>me</p>", play.post))
        await stage.attack(play, stage.letter(said).sign_cavage(sender.key, sender.key_id))
        return
    if "unknown path" in sink:
        for path in (quote(value), quote(f"/g/{value}"), quote(f"/post/{value}"), f"/interact?object={quote(value)}"):
            _, _, body = await stage.moot.get(path, accept="text/html")
            play.wrong += [f"{path}: {fault}" for fault in Page(body.decode()).faults()]
        return
    raise Unplayable(f"no sink is called {sink}")


async def look(stage: Stage, play: Play) -> None:
    """Every page that may show it is still whole, and the neighbours stand where they stood."""
    patterns = play.entry.expect.get("forbid_regex", [])
    item = await stage.moot.item(play.post)
    assert item is not None
    page = Page(await stage.moot.page(play.post))
    for source in ("/", stage.at["group"], stage.at["bob"]):
        play.wrong += [f"{source}: {fault}" for fault in Page(await stage.moot.page(source)).faults()]
    play.wrong += list(page.faults())
    play.wrong += [fault for words in page.inner() for fault in forbidden(patterns, words)]
    before, after = (page.path_to(f"honest {when} {play.uniq}") for when in ("before", "after"))
    if "sink" not in play.entry.payload or "title" not in play.entry.payload["sink"]:
        if before is None or after is None:
            play.wrong.append("an honest reply is not on the page")
        elif _place(before) != _place(after):
            play.wrong.append(f"the next reply stands in {after}, the one before in {before}")
    for path in (play.post, f"{play.post}/replies", f"{play.post}/context"):
        status, _, body = await stage.moot.get(path)
        if status != 200:
            play.wrong.append(f"{path} answers {status}")
        content = json.loads(body).get("content", "") if status == 200 else ""
        play.wrong += forbidden(patterns, content)


def _place(path: list[str]) -> list[str]:
    return [re.sub(r" (?:removed|deleted|visible)", "", step) for step in path]


ACTS: dict[str, Act] = {
    "inbox": inbox,
    "signature": signature,
    "actor": actor,
    "object": obj,
    "webfinger": webfinger,
    "url": address,
    "html": html,
}
