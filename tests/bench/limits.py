"""Limits: what this machine can do at all, measured beside what the node does."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BATCH = 64  # rows to a commit, as the node's writer folds them
BODY = b"x" * 1500
TABLE = "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, uri TEXT UNIQUE, body {blob})"


def rate_of(act: Callable[[], object], seconds: float, *, of: int = 1) -> float:
    """How often in a second `act` can be done, which does `of` things at a time."""
    done, began = 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        act()
        done += of
    return done / (now - began)


def rsa_rate(key: rsa.RSAPrivateKey, seconds: float) -> float:
    """RSA-2048 signatures a second of one thread, by `cryptography` alone."""
    return rate_of(lambda: key.sign(BODY[:200], padding.PKCS1v15(), hashes.SHA256()), seconds)


def verify_rate(key: rsa.RSAPrivateKey, body: bytes, seconds: float) -> float:
    """RSA-2048 verifications with the SHA-256 of a body a second, by `cryptography` alone."""
    public, signed = key.public_key(), key.sign(BODY[:200], padding.PKCS1v15(), hashes.SHA256())

    def act() -> None:
        hashlib.sha256(body).digest()
        public.verify(signed, BODY[:200], padding.PKCS1v15(), hashes.SHA256())

    return rate_of(act, seconds)


def sqlite_rate(folder: Path, seconds: float) -> float:
    """Durable rows a second through the driver alone: WAL, synchronous=FULL, 64 rows to a commit."""
    file = folder / "raw.sqlite3"
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(TABLE.format(blob="BLOB"))
    [first] = connection.execute("SELECT coalesce(max(id), 0) FROM rows").fetchone()
    number = int(first)

    def act() -> None:
        nonlocal number
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(BATCH):
            number += 1
            connection.execute("INSERT INTO rows (uri, body) VALUES (?, ?)", (f"https://peer.test/{number}", BODY))
        connection.execute("COMMIT")

    try:
        return rate_of(act, seconds, of=BATCH)
    finally:
        connection.close()


def postgres_rate(url: str, seconds: float) -> float:
    """The same on PostgreSQL, through psycopg alone, on one connection."""
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute(TABLE.format(blob="BYTEA").replace("INTEGER PRIMARY KEY", "BIGSERIAL PRIMARY KEY"))
        row = connection.execute("SELECT coalesce(max(id), 0) FROM rows").fetchone()
        number = int(row[0]) if row else 0
        cursor = connection.cursor()

        def act() -> None:
            nonlocal number
            rows = [(f"https://peer.test/{number + step}", BODY) for step in range(1, BATCH + 1)]
            number += BATCH
            with connection.transaction():
                cursor.executemany("INSERT INTO rows (uri, body) VALUES (%s, %s)", rows)

        return rate_of(act, seconds, of=BATCH)
