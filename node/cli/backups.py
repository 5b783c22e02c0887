"""Backups: taken, put back, verified; and the upgrade that stands on one."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from node import settings
from node.backups import age, restoring, taking, trying, upgrading, verifying
from node.backups.archive import SETTINGS, BackupRefused, checked
from node.backups.restoring import Restored
from node.backups.trying import Finding
from node.cli.console import Console, Trouble, settings_file, verb
from node.settings import Settings, SettingsError
from storage.copies import CopyRefused
from storage.work import Storage

SHORTEST_PASSPHRASE = 12
FILE = click.argument("file", type=click.Path(path_type=Path))
PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file whose first line is the passphrase.",
)


@contextmanager
def _told() -> Iterator[None]:
    """Reasons of backups, as one line for whoever sits at the console."""
    try:
        yield
    except (BackupRefused, CopyRefused, age.CannotOpen, upgrading.WentBack) as error:
        raise Trouble(str(error)) from error


@verb(name="backup")
@FILE
@click.option("--encrypt", is_flag=True, help="Encrypt it with a passphrase, which is asked for.")
@PASSPHRASE
@click.option("--recipient", "recipients", multiple=True, help="Encrypt it for this key (age1…); may be said often.")
@click.option("--keep", type=click.IntRange(min=1), help="FILE is a folder: keep the newest of them, so many.")
def backup(
    console: Console,
    file: Path,
    encrypt: bool,
    passphrase_file: Path | None,
    recipients: tuple[str, ...],
    keep: int | None,
) -> None:
    """Put the whole node into one file: database, secret, media, settings. It may run meanwhile.

    FILE may be a folder; then the file in it is named for the node and the time. It is a tar, and encrypted it has
    the format of age: `age --decrypt` opens it too. Whoever has it and can open it is the node: keep it well.

    \b
    Examples:
      folkmoot backup moot.tar
      folkmoot backup /var/backups/folkmoot --keep 14 --recipient age1qyqszqgpqyqszqgpqyqszqgp…
    """
    chosen = console.settings()
    source = settings_file(console.config)
    with _told():
        locks = _locks(encrypt, passphrase_file, recipients)
        if keep is not None:
            file.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.is_dir():
            folder, file = file, taking.name_in(file, chosen, datetime.now(UTC), encrypted=locks is not None)
        else:
            folder = file.parent
            if not folder.is_dir():
                raise Trouble(f"there is no folder {folder}")
        manifest = taking.take(chosen, file, settings_file=source, locks=locks, say=_progress(console))
        (chosen.data / taking.MARK).touch()
        gone = taking.keep_newest(folder, chosen, keep) if keep is not None else []
    left_out = taking.from_variables(chosen, source)
    if left_out:
        console.note(f"Not in it, for they are set by variables: {', '.join(left_out)}")
    size = file.stat().st_size
    console.answer(
        manifest.told() | {"file": file.absolute(), "bytes": size, "encrypted": locks is not None, "removed": gone},
        [
            f"{file}: {manifest.rows} rows of {len(manifest.tables)} tables, {len(manifest.media)} media, "
            f"the secret and the settings; {size} bytes, {'encrypted' if locks is not None else 'not encrypted'}.",
            *(f"Removed {old}" for old in gone),
        ],
    )


def _locks(encrypt: bool, passphrase_file: Path | None, recipients: tuple[str, ...]) -> age.Locks | None:
    if recipients:
        if encrypt or passphrase_file:
            raise click.UsageError("Say --recipient or a passphrase, not both.")
        return [age.Recipient.read(text) for text in recipients]
    if passphrase_file is not None:
        words = _first_line(passphrase_file)
    elif encrypt:
        words = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    else:
        return None
    if len(words) < SHORTEST_PASSPHRASE:
        raise Trouble(f"the passphrase is too short: {SHORTEST_PASSPHRASE} characters at least, such as five words")
    return age.Passphrase(words)


def _first_line(file: Path) -> str:
    try:
        return (file.read_text(encoding="utf-8").splitlines() or [""])[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"cannot read {file}: {error}") from None


@verb(name="restore")
@FILE
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Folder for the node and its settings.")
@click.option("--database-url", help="postgresql://… to restore into; else SQLite, or as the settings here say.")
@click.option("--verify", is_flag=True, help="Look at the restored node: rows, keys, what waits, what it answers.")
@click.option("--dry-run", is_flag=True, help="Restore and verify in a temporary folder, which goes again.")
@click.option("--force", is_flag=True, help="Put a node that is there aside, and this one in its place.")
@PASSPHRASE
@click.option(
    "--identity",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file with the secret key (AGE-SECRET-KEY-1…) of a recipient.",
)
def restore(
    console: Console,
    file: Path,
    to: Path | None,
    database_url: str | None,
    verify: bool,
    dry_run: bool,
    force: bool,
    passphrase_file: Path | None,
    identity: Path | None,
) -> None:
    """Put a node back from its backup: into the place that the settings here name, or into a new folder.

    Everything in the file is checked before anything is touched. A node that is there is not touched. A backup from
    SQLite can go into PostgreSQL, and back; one of an older release is brought up to date.

    \b
    Examples:
      folkmoot restore moot.tar --to /var/lib/folkmoot --verify
      folkmoot restore moot.tar --dry-run
      folkmoot restore moot.tar --database-url postgresql://folkmoot:PASSWORD@127.0.0.1/folkmoot --verify
    """
    if dry_run and (to is not None or database_url is not None or force):
        raise click.UsageError("--dry-run has a folder of its own: it takes no --to, --database-url, --force.")
    if not file.is_file():
        raise Trouble(f"there is no file {file}")
    with _told():
        openers = _openers(file, passphrase_file, identity)
        if dry_run:
            with tempfile.TemporaryDirectory(prefix="folkmoot-") as folder:
                _restore(console, file, openers, Path(folder, "node"), None, verify=True, force=False)
        else:
            _restore(console, file, openers, to, database_url, verify=verify, force=force)


def _openers(file: Path, passphrase_file: Path | None, identity: Path | None) -> age.Openers | None:
    if identity is not None:
        return age.Identity.read(identity.read_text(encoding="utf-8"))
    if passphrase_file is not None:
        return age.Passphrase(_first_line(passphrase_file))
    with file.open("rb") as source:
        if not age.is_encrypted(source):
            return None
    if not sys.stdin.isatty():
        raise Trouble(f"{file} is encrypted: say --passphrase-file or --identity")
    return age.Passphrase(click.prompt("Passphrase", hide_input=True, err=True))


def _restore(
    console: Console,
    file: Path,
    openers: age.Openers | None,
    to: Path | None,
    database_url: str | None,
    *,
    verify: bool,
    force: bool,
) -> None:
    chosen, settings_text = _place(console, file, openers, to, database_url)
    done = restoring.restore(file, chosen, openers=openers, force=force, say=_progress(console))
    findings = verifying.compared(done.manifest, chosen) if verify else []
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        steps = storage.migrate()
    finally:
        storage.close()
    if to is not None and settings_text is not None:
        restoring.write_settings(to / SETTINGS, settings_text)
    if verify:
        findings += [*trying.soundness(chosen), *trying.answers(chosen)]
    _tell_restored(console, done, chosen, steps, findings, to)
    if trying.failed(findings):
        raise Trouble("the restored node is not as it should be: see the table")


def _place(
    console: Console, file: Path, openers: age.Openers | None, to: Path | None, database_url: str | None
) -> tuple[Settings, str | None]:
    """Where the node goes: into a folder with its own settings, or where the settings here say."""
    if to is None:
        try:
            chosen = console.settings()
        except SettingsError as error:
            raise Trouble(f"{error}. On a new machine, say where: --to FOLDER") from None
        return (chosen if database_url is None else console.settings(database_url=database_url)), None
    there = to / SETTINGS
    if there.exists() and database_url is None:
        return restoring.moved(settings.load(environment={}, file=there), to, ""), None
    text = restoring.settings_for(file, openers, to, database_url or "")
    with tempfile.TemporaryDirectory(prefix="folkmoot-") as folder:
        draft = Path(folder, SETTINGS)
        restoring.write_settings(draft, text)
        return settings.load(environment={}, file=draft), text


def _tell_restored(
    console: Console,
    done: Restored,
    chosen: Settings,
    steps: list[str],
    findings: list[Finding],
    to: Path | None,
) -> None:
    where = "PostgreSQL" if chosen.database_url else str(chosen.data / restoring.DATABASE)
    words = [
        f"Restored {chosen.origin} as it was at {done.manifest.taken_at:%Y-%m-%d %H:%M} UTC into {where}.",
        *(f"Took step {step}" for step in steps),
        *([f"What was there before is in {done.aside}."] if done.aside is not None else []),
        *_lines(findings),
    ]
    if to is not None:
        words.append(f"Its settings are in {to / SETTINGS}. Next: folkmoot --config {to / SETTINGS} serve")
    console.answer(
        done.manifest.told() | {"data": chosen.data, "steps": steps, "aside": done.aside, "findings": findings}, words
    )


def _lines(findings: list[Finding]) -> list[str]:
    width = max((len(finding.what) for finding in findings), default=0)
    return [
        f"  {'good' if finding.good else 'WRONG':5}  {finding.what.ljust(width)}  {finding.says}"
        for finding in findings
    ]


@verb(name="upgrade")
@click.option("--backup-to", type=click.Path(path_type=Path, file_okay=False), help="Folder for the backup.")
@click.option("--dry-run", is_flag=True, help="Upgrade a copy in a temporary folder, and leave the node as it is.")
def upgrade(console: Console, backup_to: Path | None, dry_run: bool) -> None:
    """Bring the tables to this release: back up, take the steps, try the node out; or go back.

    Stop the node, install the new release, give this command, start the node. With --dry-run the node may run: a
    copy of it is upgraded and tried.

    \b
    Examples:
      folkmoot upgrade --dry-run
      folkmoot upgrade
    """
    chosen = console.settings()
    source = settings_file(console.config)
    say = _progress(console)
    with _told():
        if dry_run:
            findings, steps = _rehearse(chosen, source, say)
            console.answer({"steps": steps, "findings": findings}, [*_lines(findings), *_rehearsed(steps, findings)])
            if trying.failed(findings):
                raise Trouble("the upgrade of the copy failed: do not upgrade the node yet")
            return
        done = upgrading.upgrade(chosen, settings_file=source, folder=backup_to, say=say)
    wrong = trying.failed(done.findings)
    console.answer(
        {"backup": done.backup, "steps": done.steps, "findings": done.findings},
        [
            *(f"Took step {step}" for step in done.steps),
            *_lines(done.findings),
            *([f"The backup is {done.backup}."] if done.backup else []),
            "Start the node." if done.steps else "The tables are up to date.",
        ],
    )
    if wrong:
        raise Trouble("the node is not as it should be: see the table")


def _rehearse(chosen: Settings, source: Path | None, say: upgrading.Say) -> tuple[list[Finding], list[str]]:
    """The upgrade of a copy, on SQLite whatever the node is on."""
    folder = Path(tempfile.mkdtemp(prefix="folkmoot-"))
    try:
        copy = folder / "copy.tar"
        taking.take(chosen, copy, settings_file=source, say=say)
        place = restoring.moved(chosen, folder / "node", "")
        restoring.restore(copy, place, say=say)
        found = verifying.compared(checked(copy), place)
        storage = Storage(place.database, origin=place.origin)
        try:
            steps = storage.migrate()
        finally:
            storage.close()
        return [*found, *trying.soundness(place), *trying.answers(place)], steps
    finally:
        shutil.rmtree(folder)


def _rehearsed(steps: list[str], findings: list[Finding]) -> list[str]:
    if trying.failed(findings):
        return []
    return [*(f"Took step {step} in a copy" for step in steps), "The node itself is as it was."]


def _progress(console: Console) -> upgrading.Say:
    """Tells what is being done, where somebody watches."""
    return console.note if sys.stderr.isatty() and not console.as_json else lambda words: None
