"""Letters whose signature is bent: the `mutate` list of an entry, turned into bytes.

The letter starts as an honest `Create{Note}` of mallory, signed over `(request-target) host date digest`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes

from tests.attack.corpus import Unplayable
from tests.attack.scene import Play, Sender, Stage
from tests.peers.scripted import Document
from tests.peers.wire import http_date, rfc9421_base, sign_bytes

COVERED = "(request-target) host date digest"
UNKNOWN_ALGORITHMS = ("rsa-v2", "dsa-sha1", "ecdsa-sha256", "ED25519PH", "rsa sha256", "x" * 4096, "0", "rsa-sha256;")
ODD_TARGETS = (
    "//inbox",
    "/%69nbox",
    "/inbox/",
    "/./inbox",
    "/x/../inbox",
    "/INBOX",
    "/inbox%00",
    "/inbox;x",
    "/inbox%2f",
)
ODD_INPUTS = (
    "sig1=(",
    "sig1=()",
    'sig1=("@method" "@target-uri" "content-digest"',
    'sig1=("@method" "@target-uri" "content-digest");created=x;keyid="{key}"',
    'sig1=("@method" "@method" "content-digest");created={now};keyid="{key}"',
    'sig1=("@method";req "@target-uri" "content-digest");created={now};keyid="{key}"',
    'sig1=("@nonsense" "@method" "@target-uri" "content-digest");created={now};keyid="{key}"',
    'sig1=("@method" "@target-uri" "content-digest");created={now};keyid={now}',
    "=;;;=",
    "sig1",
    "sig1=:AAAA:",
    'sig1=("@method" "@target-uri" "content-digest");created=99999999999999999999;keyid="{key}"',
    'sig1=("@method" "@target-uri" "content-digest");created={now};keyid="{key}";keyid="https://victim.test/u/alice"',
    '\x01sig=("\x7f")',
)
SIMPLE = {
    "algorithm",
    "keyId",
    "signature",
    "headers",
    "created",
    "expires",
    "date",
    "digest",
    "sign",
    "host",
    "labels",
}
SIMPLE |= {"replace_body", "sign_target", "send_path", "request_line", "add", "headers_multi", "raw_params", "encode"}
SIMPLE |= {"signature_prefix", "raw_header_b64", "scheme", "components", "alg", "target_uri", "raw_input", "digest_of"}
SIMPLE |= {"content_digest", "date_offset", "drop_header", "drop_param", "actor", "replay_from", "repeat", "sequence"}


@dataclass
class Wanted:
    """What the mutations ask for, all in one."""

    ops: dict[str, Any]
    signer: Sender
    body: bytes
    forged: bytes
    drop_headers: set[str] = field(default_factory=set)
    drop_params: set[str] = field(default_factory=set)


def letters(stage: Stage, play: Play, note: Document) -> Iterator[bytes]:
    """Every request that the entry stands for; `note` is what mallory says."""
    ops: dict[str, Any] = {}
    drop_headers, drop_params = set(), set()
    for mutation in play.entry.payload["mutate"]:
        for name, value in mutation.items():
            if name not in SIMPLE:
                raise Unplayable(f"no mutation is called {name}")
            if name == "drop_header":
                drop_headers.add(value.lower())
            elif name == "drop_param":
                drop_params.add(value)
            else:
                ops[name] = play.fill(value)
    at_victim = "replay_from" in ops or "<orig>" in json.dumps(ops)
    signer = stage.alice if at_victim else play.mallory
    sound = signer.says(note | {"attributedTo": signer.uri, "id": _id(signer, play)})
    if "actor" in ops:
        sound = play.mallory.says(note) | {"actor": ops["actor"]}
    forged = signer.says(note | {"attributedTo": signer.uri, "id": _id(signer, play), "content": "FORGED"})
    wanted = Wanted(ops, signer, _dump(sound), _dump(forged), drop_headers, drop_params)
    build = _rfc9421 if ops.get("scheme") == "rfc9421" else _cavage
    for variant in _variants(wanted, stage, play):
        yield build(stage, play, variant)


def _id(signer: Sender, play: Play) -> str:
    return f"{signer.uri.partition('/u/')[0]}/n/{play.uniq}"


def _dump(document: Document) -> bytes:
    return json.dumps(document).encode()


def _variants(wanted: Wanted, stage: Stage, play: Play) -> Iterator[Wanted]:
    """Where the entry says `<each>`, one for each; where two identities are named, a letter of either."""

    def having(**ops: Any) -> Wanted:
        return replace(wanted, ops=wanted.ops | ops)

    ops = wanted.ops
    if ops.get("algorithm") == "<each>":
        yield from (having(algorithm=label) for label in UNKNOWN_ALGORITHMS)
    elif ops.get("send_path") == "<each>":
        yield from (having(send_path=target) for target in ODD_TARGETS)
    elif ops.get("raw_input") == "<each>":
        now = int(stage.clock().timestamp())
        for text in ODD_INPUTS:
            yield having(raw_input=text.replace("{key}", wanted.signer.key_id).replace("{now}", str(now)))
    elif ops.get("sign") == "hmac(each_variant)":
        pem = stage.alice.pem
        for secret in (
            pem,
            pem.rstrip("\n"),
            pem + "\n",
            pem.replace("\n", "\r\n"),
            "".join(pem.split("\n")[1:-2]),
            "",
        ):
            yield having(sign="hmac", secret=secret.encode())
    elif "raw_params" in ops:
        yield wanted
        alices = json.loads(wanted.body) | {"actor": stage.alice.uri}
        yield replace(wanted, body=_dump(alices))
    else:
        yield wanted


# ------------------------------------------------------------------ draft-cavage


def _cavage(stage: Stage, play: Play, wanted: Wanted) -> bytes:
    ops = wanted.ops
    body, encoded = wanted.body, wanted.body
    headers: list[tuple[str, str]] = []
    if "encode" in ops:
        encoded = gzip.compress(body)
        headers.append(("Content-Encoding", ops["encode"]))
    replaces = "replace_body" in ops
    digest = _digest(wanted, encoded if ops.get("digest_of") != "plain" else body, honest=replaces)
    date = _date(stage, ops)
    host = ops.get("host", "node.test")
    covered = ops.get("headers", COVERED).replace("\\t", "\t")
    signing_date = _old(stage) if "Date" in ops.get("headers_multi", {}) else date
    values = {"host": host, "date": signing_date, "digest": digest, "content-type": "application/activity+json"}
    params = _params(stage, wanted, covered)
    target = ops.get("sign_target", "post /inbox")
    key_line = covered if "headers" not in wanted.drop_params else "date"
    text = _text(key_line, values, target, params)
    params["signature"] = _signed(stage, wanted, text, params)
    sent = {"Host": host, "Date": date, "Digest": digest, "Content-Type": "application/activity+json"}
    if replaces:
        encoded = wanted.forged if ops["replace_body"] == "<forged>" else ops["replace_body"].encode()
        if "digest" in ops:
            sent["Digest"] = _template(ops["digest"], wanted, body)
    signature = _header(wanted, params)
    lines = [(name, value) for name, value in sent.items() if name.lower() not in wanted.drop_headers]
    for name, several in ops.get("headers_multi", {}).items():
        lines = [line for line in lines if line[0] != name]
        lines += [(name, _several(stage, wanted, name, one, signature)) for one in several]
    if "Signature" not in ops.get("headers_multi", {}) and "signature" not in wanted.drop_headers:
        lines.append(("Signature", signature))
    lines += headers + list(ops.get("add", {}).items())
    return _raw(ops.get("request_line") or f"POST {ops.get('send_path', '/inbox')} HTTP/1.1", lines, encoded, ops)


def _params(stage: Stage, wanted: Wanted, covered: str) -> dict[str, str]:
    ops = wanted.ops
    params = {"keyId": ops.get("keyId", wanted.signer.key_id), "algorithm": ops.get("algorithm", "rsa-sha256")}
    for name in ("created", "expires"):
        if ops.get(name) is not None:
            params[name] = str(ops[name])
    params["headers"] = covered
    return {name: value for name, value in params.items() if name not in wanted.drop_params}


def _text(covered: str, values: dict[str, str], target: str, params: dict[str, str]) -> str:
    lines = []
    for name in covered.lower().split():
        special = {"(request-target)": target, "(created)": params.get("created", "0")}
        special["(expires)"] = params.get("expires", "0")
        lines.append(f"{name}: {special.get(name, values.get(name.strip(':,'), ''))}")
    return "\n".join(lines)


def _signed(stage: Stage, wanted: Wanted, text: str, params: dict[str, str]) -> str:
    ops = wanted.ops
    how = str(ops.get("sign") or "")
    label = params.get("algorithm", "")
    if how.startswith("hmac"):
        owner = stage.alice if "victim.test" in params["keyId"] else wanted.signer
        secret = ops.get("secret", owner.pem.encode())
        made = hmac.new(secret, text.encode(), "sha1" if label == "hmac-sha1" else "sha256").digest()
    elif how in ("rsa-sha1", "rsa-md5"):
        made = sign_bytes(wanted.signer.key, text.encode(), hashes.SHA1() if how == "rsa-sha1" else hashes.MD5())
    elif how:
        raise Unplayable(f"nobody signs by {how}")
    else:
        made = sign_bytes(wanted.signer.key, text.encode("utf-8"))
    signature = base64.b64encode(made).decode()
    if "signature" in ops:
        signature = signature.rstrip("=") if ops["signature"] == "strip =" else ops["signature"]
    return str(ops.get("signature_prefix", "")) + signature


def _header(wanted: Wanted, params: dict[str, str]) -> str:
    ops = wanted.ops
    if "raw_header_b64" in ops:
        return base64.b64decode(ops["raw_header_b64"]).decode("latin-1")
    if "raw_params" in ops:
        rest = ",".join(f'{name}="{value}"' for name, value in params.items() if name != "keyId")
        raw = str(ops["raw_params"])
        return raw.replace("...", rest) if "..." in raw else f"{raw},{rest}"
    bare = ("created", "expires")
    return ",".join(f"{name}={value}" if name in bare else f'{name}="{value}"' for name, value in params.items())


def _several(stage: Stage, wanted: Wanted, name: str, one: str, signature: str) -> str:
    if one == "<mallory>":
        return signature
    if one == "<victim garbage>":
        return signature.replace(wanted.signer.key_id, stage.alice.key_id).replace('signature="', 'signature="AAAA')
    if one == "<now>":
        return stage.date()
    if one == "<old signed>":
        return _old(stage)
    return _template(one, wanted, wanted.body)


def _old(stage: Stage) -> str:
    return http_date(stage.clock() - timedelta(days=30))


def _date(stage: Stage, ops: dict[str, Any]) -> str:
    if "date_offset" in ops:
        return http_date(stage.clock() + timedelta(seconds=ops["date_offset"]))
    return str(ops.get("date", stage.date()))


def _digest(wanted: Wanted, body: bytes, *, honest: bool) -> str:
    if honest or "digest" not in wanted.ops:
        return f"SHA-256={_b64('sha256', body)}"
    return _template(wanted.ops["digest"], wanted, body)


def _b64(algorithm: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


def _template(text: str, wanted: Wanted, body: bytes) -> str:
    right = _b64("sha256", body)
    for name, value in {
        "<md5(body)>": _b64("md5", body),
        "<sha512(body)>": _b64("sha512", body),
        "<sha256(body)>": right,
        "<sha256(forged)>": _b64("sha256", wanted.forged),
        "<orig>": right,
        "<b64url no padding>": right.replace("+", "-").replace("/", "_").rstrip("="),
        "<b64>": right,
        "<right>": right,
    }.items():
        text = text.replace(name, value)
    if re.search(r"<[\w ()]+>", text):
        raise Unplayable(f"nothing is called {text}")
    return text


# ------------------------------------------------------------------ RFC 9421


def _rfc9421(stage: Stage, play: Play, wanted: Wanted) -> bytes:
    ops = wanted.ops
    now = int(stage.clock().timestamp())
    digest = f"sha-256=:{_b64('sha256', wanted.body)}:"
    if "content_digest" in ops:
        digest = _template(ops["content_digest"], wanted, wanted.body)
    lines = [("Host", "node.test"), ("Date", stage.date()), ("Content-Type", "application/activity+json")]
    lines.append(("Content-Digest", digest))
    components = ops.get("components", ["@method", "@target-uri", "content-digest"])
    about = "(" + " ".join(f'"{name}"' for name in components) + ")"
    about += f";created={now}" if "created" not in wanted.drop_params else ""
    about += f';keyid="{wanted.signer.key_id}"' + f';alg="{ops.get("alg", "rsa-v1_5-sha256")}"'
    uri = ops.get("target_uri", f"{stage.moot.origin}/inbox")
    base = rfc9421_base(components, about, "POST", uri, "/inbox", tuple(lines))
    if str(ops.get("sign", "")).startswith("hmac"):
        made = hmac.new(wanted.signer.pem.encode(), base.encode(), "sha256").digest()
    else:
        made = sign_bytes(wanted.signer.key, base.encode())
    value = base64.b64encode(made).decode()
    inputs, signatures = [f"sig1={about}"], [f"sig1=:{value}:"]
    if "labels" in ops:
        inputs.append("sig2=" + about.replace(wanted.signer.key_id, stage.alice.key_id))
        signatures.append("sig2=:AAAA:")
    lines.append(("Signature-Input", ops.get("raw_input", ", ".join(inputs))))
    lines.append(("Signature", ", ".join(signatures)))
    return _raw("POST /inbox HTTP/1.1", lines, wanted.body, ops)


def _raw(request_line: str, lines: list[tuple[str, str]], body: bytes, ops: dict[str, Any]) -> bytes:
    lines = [*lines, ("Content-Length", str(len(body))), ("Connection", "close")]
    head = "\r\n".join([request_line, *(f"{name}: {value}" for name, value in lines)])
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + body
