"""Comments at the console."""

from typing import TextIO

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, long_text, verb
from node.cli.threads import FILE, TEXT, meet_mentioned
from node.forum import threads as forum_threads
from node.forum import upkeep
from storage import console as seen
from storage import people, revisions
from storage import threads as stored_threads
from storage.console import ItemRow
from storage.schema import Actor, Comment
from storage.work import Work


@click.group()
def comment() -> None:
    """Answer, edit and take away.

    \b
    Example:
      folkmoot comment add https://moot.example/post/01abc --author ben --text "By the wall."
    """


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
@click.option("--note", default="", help="What changed, in a few words.")
@click.option("--language", help="Language of the text, such as en.")
def edit(
    console: Console,
    item: str,
    given: str | None,
    file: TextIO | None,
    title: str | None,
    note: str,
    language: str | None,
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
            return _item(work, forum_threads.edit_comment(work, writer, found, words, title=title, note=note))

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


@verb(comment, "history")
@click.argument("item")
def history(console: Console, item: str) -> None:
    """Show every wording of an item: who wrote it, when, and what they say that they changed.

    \b
    Example:
      folkmoot comment history 01abc#3
    """
    wordings = console.read(lambda work: revisions.wordings(work, finding.item(work, item)))
    console.answer(
        wordings,
        [
            line
            for it in wordings
            for line in (
                f"{it.version}. {it.writer.handle if it.writer else '?'}, {it.written_at:%Y-%m-%d %H:%M}"
                f"{': ' + it.note if it.note else ''}",
                it.source,
                "",
            )
        ],
    )


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
