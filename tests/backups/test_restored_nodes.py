"""A node that was restored is the node that was backed up: its rows, its keys, and what it owes to others."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import tarfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from node.backups import taking, verifying
from node.backups.age import Passphrase
from node.backups.archive import BackupRefused, Manifest, checked, members, rows, writing
from node.backups.restoring import restore
from node.backups.trying import Finding, answers, failed, soundness
from node.fediverse.keys import KeysLocked
from node.settings import Settings
from storage.schema import Delivery
from storage.work import Storage, Work
from tests.backups.conftest import Place
from tests.conftest import HeldClock
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node
from tests.peers.scripted import ScriptedServer
from tests.peers.wire import Letter

ENGINES = ["sqlite", "postgresql"]
INBOX = "https://mastodon.test/inbox"


async def backed_up(moot: Moot, file: Path) -> Path:
    await asyncio.to_thread(taking.take, moot.node.settings, file, settings_file=None)
    return file


async def restored(file: Path, place: Settings) -> list[Finding]:
    done = await asyncio.to_thread(restore, file, place)
    found = await asyncio.to_thread(verifying.compared, done.manifest, place)
    return found + await asyncio.to_thread(soundness, place) + await asyncio.to_thread(answers, place)


def said(letters: list[Letter]) -> list[tuple[str, str]]:
    """What arrived: which activity, and signed by which key."""
    return sorted((letter.json()["id"], str(letter.key_id)) for letter in letters)


def owed_by(moot: Moot) -> list[tuple[str, str]]:
    """The activities that wait to be delivered, and the keys that will sign them."""
    with moot.storage.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT activities.uri, keys.uri FROM deliveries JOIN activities ON activities.id = activity_id "
            "JOIN keys ON keys.actor_id = signer_id"
        )
        return sorted((activity, key) for activity, key in rows)


@pytest.mark.parametrize("to", ENGINES)
async def test_a_restored_node_has_the_same_rows_keys_and_media_on_either_engine(
    full: Moot, place: Place, tmp_path: Path, to: str
) -> None:
    """REL-35: from each engine into each, every row is as it was, and the node answers with it."""
    file = await backed_up(full, tmp_path / "moot.tar")
    there = place(to)

    findings = await restored(file, there)

    assert not failed(findings), findings
    assert {finding.what for finding in findings} >= {"rows", "numbers", "keys", "database", "deliveries that wait"}
    assert any(finding.what.startswith("GET /g/garden/") for finding in findings), findings
    icon = Path("media/icons/ana.png")
    assert (there.data / icon).read_bytes() == (full.node.settings.data / icon).read_bytes()


@pytest.mark.parametrize("to", ENGINES)
async def test_a_restored_node_sends_exactly_what_was_owed_signed_with_the_same_keys(
    full: Moot,
    place: Place,
    tmp_path: Path,
    to: str,
    net: LoopbackNet,
    world: ScriptedServer,
    clock: HeldClock,
) -> None:
    """REL-35, REL-37: the restored node and the one that went on send the same activities under the same ids."""
    file = await backed_up(full, tmp_path / "moot.tar")
    owed = owed_by(full)
    assert len(owed) == 2, "the thread and the answer to it"
    before = len(world.letters)
    await full.settle()
    assert said(world.letters[before:]) == owed

    there = place(to)
    assert not failed(await restored(file, there))
    before = len(world.letters)
    async with AsyncExitStack() as stack:
        again = await raise_node(stack, "node.test", there.database_url, there.data, net, world, clock)
        await again.settle()
        assert said(world.letters[before:]) == owed
        assert words_in(again) == words_in(full), "the letter that waited was read by both"
        await again.settle()
    assert len(world.letters) == before + len(owed), "and nothing is sent anew"


def words_in(moot: Moot) -> list[str]:
    with moot.storage.connect() as connection:
        return [html for (html,) in connection.exec_driver_sql("SELECT html FROM comments ORDER BY path")]


async def test_a_backup_under_load_is_one_moment(full: Moot, place: Place, tmp_path: Path) -> None:
    """REL-35: whoever writes meanwhile is not held up, and what is in the file belongs together."""
    stop = asyncio.Event()
    opening = await full.start("ana", "garden", "Busy?")

    async def talk() -> int:
        count = 0
        while not stop.is_set():
            await full.say("ben", opening, f"Again {count}")
            count += 1
        return count

    talking = asyncio.create_task(talk())
    try:
        files = [await backed_up(full, tmp_path / f"{number}.tar") for number in range(3)]
    finally:
        stop.set()
    spoken = await talking

    assert spoken > 3
    sizes = []
    for file in files:
        there = place("sqlite")
        findings = await restored(file, there)
        assert not failed(findings), findings
        storage = Storage(there.database, origin=there.origin)
        with storage.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT t.comments_count, (SELECT count(*) FROM comments c WHERE c.thread_id = t.id AND c.number > 0) "
                "FROM threads t WHERE t.title = 'Busy?'"
            ).one()
        storage.close()
        assert rows[0] == rows[1]
        sizes.append(rows[1])
    assert sizes == sorted(sizes)


async def test_a_restored_node_never_gives_an_id_again(full: Moot, place: Place, tmp_path: Path) -> None:
    """REL-36: also of a row that was deleted before the backup."""
    await full.settle()  # every delivery went, and its row with it

    def last(settings: Settings) -> int:
        storage = Storage(settings.database, origin=settings.origin)
        try:
            tallied = verifying.copies.tally(storage)["deliveries"]
            assert tallied.rows == 0 and tallied.last is not None
            return tallied.last
        finally:
            storage.close()

    given = last(full.node.settings)
    assert given > 0
    file = await backed_up(full, tmp_path / "moot.tar")
    for engine in ENGINES:
        there = place(engine)
        assert not failed(await restored(file, there))
        assert last(there) >= given


# ------------------------------------------------------------------ what is refused


async def test_a_backup_without_the_secret_is_not_taken(full: Moot, tmp_path: Path) -> None:
    """REL-36, KEY-22: keys without the secret that opens them are no backup."""
    secret = full.node.settings.data / "secret"
    kept = secret.read_bytes()
    secret.unlink()
    with pytest.raises(BackupRefused, match="worth nothing"):
        await backed_up(full, tmp_path / "one.tar")
    assert not secret.exists(), "none is made, which would open nothing"

    secret.write_bytes(kept[::-1])
    secret.chmod(0o600)
    with pytest.raises(KeysLocked, match="another secret"):
        await backed_up(full, tmp_path / "two.tar")
    assert not [name for name in os.listdir(tmp_path) if "tar" in name]


async def test_a_backup_from_which_the_secret_was_taken_is_refused(full: Moot, place: Place, tmp_path: Path) -> None:
    """REL-36."""
    file = await backed_up(full, tmp_path / "moot.tar")
    without, manifest = tmp_path / "without.tar", checked(file)
    manifest.members = {}
    with writing(without, manifest) as out:
        for name, content in members(file):
            if not name.startswith("manifest") and name != "secret":
                out.add(name, content.read())

    with pytest.raises(BackupRefused, match="no secret"):
        await restored(without, place("sqlite"))


async def test_a_backup_is_for_its_owner_alone_and_tells_no_key(full: Moot, tmp_path: Path) -> None:
    """KEY-22: mode 0600, and neither the listing nor the manifest has a word of what is secret."""
    file = await backed_up(full, tmp_path / "moot.tar")
    secret = (full.node.settings.data / "secret").read_bytes().strip()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        assert {stat.S_IMODE(member.mode) for member in archive} == {0o600}
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        told = manifest.read()
    assert secret not in told and b"PRIVATE" not in told and b"gAAAA" not in told
    assert secret not in json.dumps(checked(file).told(), default=str).encode()


async def test_a_file_that_lost_or_changed_a_byte_restores_nothing(full: Moot, place: Place, tmp_path: Path) -> None:
    """REL-35: not plain and not encrypted; the place stays empty."""
    plain = await backed_up(full, tmp_path / "moot.tar")
    words = Passphrase("beans beside the wall in spring")
    there = place("sqlite")
    whole = plain.read_bytes()
    for at in [*range(0, len(whole), len(whole) // 40)]:
        changed = bytearray(whole)
        changed[at] ^= 1
        for number, data in enumerate((bytes(changed), whole[:at])):
            (tmp_path / "bad.tar").write_bytes(data)
            if at >= _end(whole) or (number == 0 and _is_padding(whole, at)):
                continue
            with pytest.raises(BackupRefused):
                checked(tmp_path / "bad.tar")
    (tmp_path / "bad.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupRefused):
        restore(tmp_path / "bad.tar", there, openers=words)
    assert not there.data.exists() or not any(there.data.iterdir())


def _end(whole: bytes) -> int:
    """Where the manifest ends; behind it are zeros alone."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        return max(member.offset_data + member.size for member in archive)


def _is_padding(whole: bytes, at: int) -> bool:
    """Whether a byte belongs to nothing: what fills a block of a tar, and times that a listing shows."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        inside = [range(member.offset_data, member.offset_data + member.size) for member in archive]
    return not any(at in data for data in inside)


async def test_a_node_that_is_there_is_left_alone_and_put_aside_when_asked(
    full: Moot, place: Place, tmp_path: Path
) -> None:
    file = await backed_up(full, tmp_path / "moot.tar")
    for engine in ENGINES:
        there = place(engine)
        assert not failed(await restored(file, there))
        secret = (there.data / "secret").read_bytes()

        with pytest.raises(BackupRefused, match="--force"):
            await asyncio.to_thread(restore, file, there)
        assert (there.data / "secret").read_bytes() == secret
        done = await asyncio.to_thread(restore, file, there, force=True)

        assert done.aside is not None
        kept = {path.name for path in done.aside.iterdir()}
        assert kept >= {"secret", "media", "folkmoot.tar" if engine == "postgresql" else "folkmoot.sqlite3"}
        assert not failed(await asyncio.to_thread(verifying.compared, done.manifest, there))


async def test_a_restore_that_fails_puts_the_old_node_back(full: Moot, place: Place, tmp_path: Path) -> None:
    """A row that refers to nothing is found before anything counts."""
    file = await backed_up(full, tmp_path / "moot.tar")
    for engine in ENGINES:
        there = place(engine)
        assert not failed(await restored(file, there))
        before = _tallied(there)

        with pytest.raises(Exception, match=r"refer|foreign key|violates"):
            await asyncio.to_thread(restore, _with_an_orphan(file, tmp_path), there, force=True)

        assert _tallied(there) == before
        assert not list(there.data.glob("before-restore-*")) and not list(there.data.glob(".restoring*"))
        assert not failed(await asyncio.to_thread(soundness, there))


async def test_a_delivery_that_is_missing_from_a_database_is_found_when_it_is_tried_out(full: Moot) -> None:
    """REL-45: `restore --verify` and `upgrade` add up what was owed."""
    assert not failed(await asyncio.to_thread(soundness, full.node.settings))

    def lose(work: Work) -> None:
        lost = work.query(Delivery).first()
        assert lost is not None
        work.delete(lost)

    await full.storage.write(lose)
    [found] = failed(await asyncio.to_thread(soundness, full.node.settings))
    assert found.what == "ledger" and "1 activities do not add up" in found.says and "1 owed, 0 delivered" in found.says


def _tallied(settings: Settings) -> object:
    storage = Storage(settings.database, origin=settings.origin)
    try:
        return verifying.copies.tally(storage)
    finally:
        storage.close()


def _with_an_orphan(file: Path, folder: Path) -> Path:
    """The backup of a database that somebody broke: a membership of nobody."""
    manifest = checked(file)
    broken = folder / f"broken-{os.urandom(4).hex()}.tar"
    anew = Manifest(**{name: getattr(manifest, name) for name in manifest.__slots__} | {"members": {}})
    with writing(broken, anew) as out:
        for name, content in members(file):
            if name.startswith("rows/memberships/"):
                lines = [json.loads(line) for line in rows(content)]
                at = [column.name for column in manifest.tables["memberships"].columns].index("actor_id")
                lines[0][at] = 999_999
                out.add_rows("memberships", [json.dumps(line).encode() + b"\n" for line in lines])
            elif not name.startswith("manifest"):
                out.add(name, content.read())
    return broken


async def test_a_backup_of_another_node_or_of_a_newer_release_is_refused(
    full: Moot, place: Place, tmp_path: Path
) -> None:
    """REL-33."""
    file = await backed_up(full, tmp_path / "moot.tar")
    with pytest.raises(BackupRefused, match="never changes"):
        restore(file, replace(place("sqlite"), origin="https://other.test"))

    manifest = checked(file)
    manifest.revision, manifest.folkmoot, manifest.members = "9999", "7.0", {}
    newer = tmp_path / "newer.tar"
    with writing(newer, manifest) as out:
        for name, content in members(file):
            if not name.startswith("manifest"):
                out.add(name, content.read())
    there = place("sqlite")
    with pytest.raises(BackupRefused, match=r"newer release \(7\.0"):
        restore(newer, there)
    assert not there.data.exists()


async def test_a_file_that_is_there_is_never_written_over(full: Moot, tmp_path: Path) -> None:
    file = tmp_path / "moot.tar"
    file.write_text("mine")
    with pytest.raises(BackupRefused, match="not written over"):
        await backed_up(full, file)
    assert file.read_text() == "mine"
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


async def test_an_encrypted_backup_shows_nothing_and_comes_back(full: Moot, place: Place, tmp_path: Path) -> None:
    words = Passphrase("beans beside the wall in spring")
    file = tmp_path / "moot.tar.age"
    await asyncio.to_thread(taking.take, full.node.settings, file, settings_file=None, locks=words)

    assert b"garden" not in file.read_bytes() and b"manifest" not in file.read_bytes()
    with pytest.raises(BackupRefused, match="encrypted"):
        checked(file)
    with pytest.raises(BackupRefused, match="passphrase is another"):
        checked(file, Passphrase("beans beside the wall in autumn"))
    whole = file.read_bytes()
    (tmp_path / "cut.tar.age").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupRefused, match="end is missing"):
        checked(tmp_path / "cut.tar.age", words)
    there = place("sqlite")
    done = await asyncio.to_thread(restore, file, there, openers=words)
    assert not failed(await asyncio.to_thread(verifying.compared, done.manifest, there))
