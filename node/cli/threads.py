"""Threads and comments at the console."""

import re
from typing import TextIO

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, long_text, verb
from node.forum import text, upkeep
from node.forum import threads as forum_threads
from node.forum.errors import NotFound
from storage import console as seen
from storage import people
from storage import threads as stored_threads
from storage.console import ItemRow, ThreadRow
from storage.schema import Actor, Comment
from storage.work import Work

ELSEWHERE = re.compile(r"(?<![\w@/.])@([\w.-]+@[\w.:-]+\w)")
LOOK_UPS = 20  # people of other servers named in one text
LINE = 100  # characters of an item in a list

TEXT = click.option("--text", "given", help="The text, in Markdown.")
FILE = click.option("--file", type=click.File(encoding="utf-8"), help="A file with the text; - is standard input.")


@click.group()
def thread() -> None:
    """Start threads, read them, lock them.

    \b
    Example:
      folkmoot thread start garden --author ana --title "Beans?" --text "Where shall they go?"
    """


@click.group()
def comment() -> None:
    """Answer, edit and take away.

    \b
    Example:
      folkmoot comment add https://moot.example/post/01abc --author ben --text "By the wall."
    """


@verb(thread, "start")
@click.argument("group")
@click.option("--author", required=True, help="Handle of who starts it.")
@click.option("--title", required=True, help="What it is about, up to 200 characters.")
@TEXT
@FILE
@click.option("--language", help="Language of the text, such as en.")
@click.option("--private", is_flag=True, help="For members of the group alone; it never leaves this node.")
def start(
    console: Console,
    group: str,
    author: str,
    title: str,
    given: str | None,
    file: TextIO | None,
    language: str | None,
    private: bool,
) -> None:
    """Start a thread in a group. The text comes from --text, --file or standard input.

    \b
    Examples:
      folkmoot thread start garden --author ana --title "Beans?" --text "Where shall they go?"
      folkmoot thread start garden --author ana --title "Minutes" --file minutes.md
    """
    source = long_text(given, file)

    async def begin(parts: Parts) -> ThreadRow:
        await meet_mentioned(console, parts, source)

        def act(work: Work) -> ThreadRow:
            found, _ = finding.our_group(work, group)
            words = forum_threads.compose(work, source, language=language)
            writer = finding.our_person(work, author)
            opening = forum_threads.start_thread(work, writer, found, title, words, private=private)
            return _row(work, opening.thread_id)

        return await console.write_in(parts, act)

    row = console.act(begin)
    console.answer(row, [f"Started “{row.title}”: {row.page}", f"Its id: {row.uri}"])


@verb(thread, "list")
@click.option("--group", help="Only those of this group.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, help="How many at most (100).")
def list_threads(console: Console, group: str | None, limit: int) -> None:
    """List threads, those with the latest activity first.

    \b
    Example:
      folkmoot thread list --group garden
    """

    def look(work: Work) -> list[ThreadRow]:
        group_id = finding.our_group(work, group)[1].id if group else None
        return seen.threads(work, group_id=group_id, limit=limit)

    rows = console.read(look)
    console.table(
        rows,
        ("thread", "group", "comments", "latest", "title"),
        [(row.uid, row.group, row.comments, f"{row.last_activity_at:%Y-%m-%d %H:%M}", _flagged(row)) for row in rows],
    )


@verb(thread, "show")
@click.argument("thread")
def show(console: Console, thread: str) -> None:
    """Show a thread with all its items. THREAD is its id or the address of its page.

    \b
    Example:
      folkmoot thread show https://moot.example/g/garden/01abc-beans
    """

    def look(work: Work) -> tuple[ThreadRow, list[ItemRow]]:
        found = finding.thread(work, thread)
        return _row(work, found.id), seen.items(work, found.id)

    row, items = console.read(look)
    console.answer(
        {"thread": row, "items": items},
        [f"{_flagged(row)}  {row.page}", *(_line(item) for item in items)],
    )


@verb(thread, "lock")
@click.argument("thread")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--reopen", is_flag=True, help="Let people answer again.")
def lock(console: Console, thread: str, reason: str, reopen: bool) -> None:
    """Lock a thread: it can be read, but not answered. Or reopen it.

    \b
    Example:
      folkmoot thread lock https://moot.example/g/garden/01abc-beans --reason "decided"
    """

    def act(work: Work) -> ThreadRow:
        found = finding.thread(work, thread)
        upkeep.lock_thread(work, None, found.id, reason, locked=not reopen)
        return _row(work, found.id)

    row = console.write(act)
    console.answer(row, f"“{row.title}” is {'locked' if row.locked else 'open'}.")


def _row(work: Work, thread_id: int) -> ThreadRow:
    work.flush()
    [row] = seen.threads(work, thread_id=thread_id)
    return row


def _flagged(row: ThreadRow) -> str:
    flags = [flag for flag, set_ in (("private", row.private), ("locked", row.locked)) if set_]
    flags += [row.state] if row.state != "visible" else []
    return f"{row.title} ({', '.join(flags)})" if flags else row.title


def _line(item: ItemRow) -> str:
    words = text.plain(item.html, LINE) if item.state == "visible" else f"[{item.state}]"
    indent = "  " * max(0, item.depth)
    return f"{indent}#{item.number} {item.author_name or '?'}, {item.published_at:%Y-%m-%d %H:%M}: {words}"


# ------------------------------------------------------------------ comments


@verb(comment, "add")
@click.argument("parent")
@click.option("--author", required=True, help="Handle of who says it.")
@TEXT
@FILE
@click.option("--language", help="Language of the text, such as en.")
def add(
    console: Console, parent: str, author: str, given: str | None, file: TextIO | None, language: str | None
) -> None:
    """Answer an item. PARENT is a thread or an item: an id, an address, or THREAD#3 for its third item.

    \b
    Examples:
      folkmoot comment add https://moot.example/post/01abc --author ben --text "By the wall."
      echo "By the wall." | folkmoot comment add 01abc#3 --author ben
    """
    source = long_text(given, file)

    async def say(parts: Parts) -> ItemRow:
        await meet_mentioned(console, parts, source)

        def act(work: Work) -> ItemRow:
            above = finding.item(work, parent)
            words = forum_threads.compose(work, source, language=language)
            return _item(work, forum_threads.post_comment(work, finding.our_person(work, author), above, words))

        return await console.write_in(parts, act)

    row = console.act(say)
    console.answer(row, f"Comment #{row.number}: {row.uri}")


@verb(comment, "edit")
@click.argument("item")
@TEXT
@FILE
@click.option("--title", help="A new title, where ITEM opens a thread.")
@click.option("--language", help="Language of the text, such as en.")
def edit(
    console: Console, item: str, given: str | None, file: TextIO | None, title: str | None, language: str | None
) -> None:
    """Replace the words of an item of ours, in its author's name. The earlier ones are kept.

    \b
    Example:
      folkmoot comment edit https://moot.example/comment/01abd --text "By the *south* wall."
    """
    source = long_text(given, file)

    async def change(parts: Parts) -> ItemRow:
        await meet_mentioned(console, parts, source)

        def act(work: Work) -> ItemRow:
            found, writer = _ours(work, item)
            words = forum_threads.compose(work, source, language=language or found.language)
            return _item(work, forum_threads.edit_comment(work, writer, found, words, title=title))

        return await console.write_in(parts, act)

    row = console.act(change)
    console.answer(row, f"Edited #{row.number}: {row.uri}")


@verb(comment, "remove")
@click.argument("item")
@click.option("--moderator", is_flag=True, help="Take it away as a moderator: hidden, kept, and restorable.")
@click.option("--reason", default="", help="Why, for the record; with --moderator.")
@click.option("--restore", is_flag=True, help="Bring back what a moderator took away.")
def remove(console: Console, item: str, moderator: bool, reason: str, restore: bool) -> None:
    """Delete an item in its author's name, for good; or take it away as a moderator.

    \b
    Examples:
      folkmoot comment remove https://moot.example/comment/01abd
      folkmoot comment remove 01abc#3 --moderator --reason "advertising"
      folkmoot comment remove 01abc#3 --restore
    """

    def act(work: Work) -> ItemRow:
        if restore:
            found = finding.item(work, item)
            upkeep.restore_comment(work, None, found, reason)
        elif moderator:
            found = finding.item(work, item)
            upkeep.remove_comment(work, None, found, reason)
        else:
            found, writer = _ours(work, item)
            forum_threads.erase_comment(work, writer, found)
        return _item(work, found)

    row = console.write(act)
    console.answer(row, f"#{row.number} is {row.state}: {row.uri}")


def _ours(work: Work, given: str) -> tuple[Comment, Actor]:
    """An item with its author, who is of this node."""
    found = finding.item(work, given)
    author = people.by_id(work, found.author_id) if found.author_id is not None else None
    if author is None or not author.local:
        raise Trouble("only its author's own server may change this; with --moderator it is hidden here")
    return found, author


def _item(work: Work, item: Comment) -> ItemRow:
    work.flush()
    thread_id = stored_threads.comment(work, item.id).thread_id
    return next(row for row in seen.items(work, thread_id) if row.uid == item.uid)


async def meet_mentioned(console: Console, parts: Parts, source: str) -> None:
    """Looks people of other servers up who are named, so that they are linked and told."""
    for handle in list(dict.fromkeys(ELSEWHERE.findall(source)))[:LOOK_UPS]:
        try:
            await parts.node.network.find_actor(f"@{handle}")
        except NotFound as error:
            console.note(f"@{handle} stays text: {error}")
