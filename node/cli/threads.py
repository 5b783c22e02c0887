"""Threads at the console."""

import re
from collections.abc import Callable
from typing import TextIO

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, long_text, verb
from node.forum import moves, tags, text, upkeep
from node.forum import threads as forum_threads
from node.forum.errors import NotFound
from storage import console as seen
from storage.console import ItemRow, ThreadRow
from storage.work import Work

ELSEWHERE = re.compile(r"(?<![\w@/.])@([\w.-]+@[\w.:-]+\w)")
LOOK_UPS = 20  # people of other servers named in one text
LINE = 100  # characters of an item in a list

TEXT = click.option("--text", "given", help="The text, in Markdown.")
FILE = click.option("--file", type=click.File(encoding="utf-8"), help="A file with the text; - is standard input.")


@click.group()
def thread() -> None:
    """Start threads, read them; lock, pin, move and split them.

    \b
    Example:
      folkmoot thread start garden --author ana --title "Beans?" --text "Where shall they go?"
    """


@verb(thread, "start")
@click.argument("group")
@click.option("--author", required=True, help="Handle of who starts it.")
@click.option("--title", required=True, help="What it is about, up to 200 characters.")
@TEXT
@FILE
@click.option("--language", help="Language of the text, such as en.")
@click.option("--private", is_flag=True, help="For members of the group alone; it never leaves this node.")
@click.option("--tag", "given_tags", multiple=True, help="A tag; as often as you like.")
@click.option("--whiteboard", is_flag=True, help="Let members of the group edit its opening.")
def start(
    console: Console,
    group: str,
    author: str,
    title: str,
    given: str | None,
    file: TextIO | None,
    language: str | None,
    private: bool,
    given_tags: tuple[str, ...],
    whiteboard: bool,
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
            opening = forum_threads.start_thread(
                work, writer, found, title, words, private=private, given_tags=given_tags, whiteboard=whiteboard
            )
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

    row = _tend(console, thread, lambda work, id: upkeep.lock_thread(work, None, id, reason, locked=not reopen))
    console.answer(row, f"“{row.title}” is {'locked' if row.locked else 'open'}.")


@verb(thread, "pin")
@click.argument("thread")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--unpin", is_flag=True, help="Put it back among the others.")
def pin(console: Console, thread: str, reason: str, unpin: bool) -> None:
    """Put a thread first in its group.

    \b
    Example:
      folkmoot thread pin https://moot.example/g/garden/01abc-beans
    """
    row = _tend(console, thread, lambda work, id: upkeep.pin_thread(work, None, id, reason, pinned=not unpin))
    console.answer(row, f"“{row.title}” is {'not pinned any more' if unpin else 'pinned'}.")


@verb(thread, "tag")
@click.argument("thread")
@click.argument("given", nargs=-1, metavar="[TAG]...")
@click.option("--reason", default="", help="Why, for the record.")
def tag(console: Console, thread: str, given: tuple[str, ...], reason: str) -> None:
    """Give a thread these tags and no others, besides the hashtags in its opening.

    \b
    Examples:
      folkmoot thread tag 01abc seeds "open air"
      folkmoot thread tag 01abc                      takes them all away
    """
    row = _tend(console, thread, lambda work, id: tags.set_tags(work, None, id, given, reason))
    console.answer(row, f"“{row.title}” has {len(given)} tags." if given else f"“{row.title}” has no tags.")


@verb(thread, "share")
@click.argument("thread")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--close", is_flag=True, help="Keep the opening to its author again.")
def share(console: Console, thread: str, reason: str, close: bool) -> None:
    """Let members of the group edit the opening of a thread.

    \b
    Example:
      folkmoot thread share https://moot.example/g/garden/01abc-beans
    """
    row = _tend(console, thread, lambda work, id: upkeep.share_opening(work, None, id, reason, shared=not close))
    console.answer(row, f"The opening of “{row.title}” can be edited by {'its author' if close else 'members'}.")


@verb(thread, "private")
@click.argument("thread")
@click.option("--reason", default="", help="Why, for the record.")
def private(console: Console, thread: str, reason: str) -> None:
    """Make a public thread private, for good: other servers are told to delete it.

    \b
    Example:
      folkmoot thread private https://moot.example/g/garden/01abc-beans --reason "names are named"
    """
    row = _tend(console, thread, lambda work, id: upkeep.make_private(work, None, id, reason))
    console.answer(row, f"“{row.title}” is for members alone.")


@verb(thread, "move")
@click.argument("thread")
@click.argument("group")
@click.option("--reason", default="", help="Why, for the record.")
def move(console: Console, thread: str, group: str, reason: str) -> None:
    """Move a thread to another group, which is at least as private.

    \b
    Example:
      folkmoot thread move https://moot.example/g/garden/01abc-beans kitchen --reason "it is about soup"
    """

    def act(work: Work, thread_id: int) -> None:
        moves.move_thread(work, None, thread_id, finding.our_group(work, group)[0], reason)

    row = _tend(console, thread, act)
    console.answer(row, f"“{row.title}” is in {row.group}: {row.page}")


@verb(thread, "split")
@click.argument("item")
@click.option("--author", required=True, help="Handle of the moderator who opens the new thread.")
@click.option("--title", required=True, help="What the new thread is about.")
@TEXT
@FILE
@click.option("--reason", default="", help="Why, for the record.")
def split(
    console: Console, item: str, author: str, title: str, given: str | None, file: TextIO | None, reason: str
) -> None:
    """Make an item, with all that answers it, a thread of its own. The text opens that thread.

    \b
    Example:
      folkmoot thread split 01abc#3 --author ana --title "Peas" --text "About peas, then."
    """
    source = long_text(given, file)

    def act(work: Work) -> ThreadRow:
        root = finding.item(work, item)
        words = forum_threads.compose(work, source, language=root.language)
        opening = moves.split_branch(work, finding.our_person(work, author), root, title, words, reason)
        return _row(work, opening.thread_id)

    row = console.write(act)
    console.answer(row, [f"Started “{row.title}” with {row.comments} comments: {row.page}", f"Its id: {row.uid}"])


def _tend(console: Console, given: str, act: Callable[[Work, int], None]) -> ThreadRow:
    def tend(work: Work) -> ThreadRow:
        found = finding.thread(work, given)
        act(work, found.id)
        return _row(work, found.id)

    return console.write(tend)


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


async def meet_mentioned(console: Console, parts: Parts, source: str) -> None:
    """Looks people of other servers up who are named, so that they are linked and told."""
    for handle in list(dict.fromkeys(ELSEWHERE.findall(source)))[:LOOK_UPS]:
        try:
            await parts.node.network.find_actor(f"@{handle}")
        except NotFound as error:
            console.note(f"@{handle} stays text: {error}")
