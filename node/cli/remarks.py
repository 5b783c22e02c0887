"""Remarks at the console: what members of ours say and like in threads of other servers."""

from dataclasses import dataclass
from typing import TextIO

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, long_text, verb
from node.cli.threads import FILE, TEXT, meet_mentioned
from node.forum import remarks, threads
from storage import people
from storage import remarks as stored_remarks
from storage.schema import Actor, Remark
from storage.work import Work


@dataclass(frozen=True, slots=True)
class RemarkRow:
    """A remark as the console shows it."""

    uri: str
    author: str
    in_reply_to: str
    state: str
    source: str


@click.group()
def remark() -> None:
    """Answer and like what is on other servers, in the name of someone here.

    \b
    Example:
      folkmoot remark add https://other.example/post/01abc --author ben --text "We do that too."
    """


@verb(remark, "add")
@click.argument("address")
@click.option("--author", required=True, help="Handle of who says it.")
@TEXT
@FILE
@click.option("--language", help="Language of the text, such as en.")
def add(
    console: Console, address: str, author: str, given: str | None, file: TextIO | None, language: str | None
) -> None:
    """Answer what is at ADDRESS on another server, in public. Its author, its group and your followers hear of it.

    \b
    Example:
      folkmoot remark add https://other.example/post/01abc --author ben --text "We do that too."
    """
    source = long_text(given, file)

    async def say(parts: Parts) -> RemarkRow:
        answered = await parts.node.network.find_elsewhere(address)
        await meet_mentioned(console, parts, source)

        def act(work: Work) -> RemarkRow:
            words = threads.compose(work, source, language=language)
            return _row(work, remarks.answer(work, finding.our_person(work, author), answered, words))

        return await console.write_in(parts, act)

    row = console.act(say)
    console.answer(row, f"Said: {row.uri}")


@verb(remark, "edit")
@click.argument("address")
@TEXT
@FILE
def edit(console: Console, address: str, given: str | None, file: TextIO | None) -> None:
    """Replace the words of a remark, in its author's name. ADDRESS is its own, as `remark add` told.

    \b
    Example:
      folkmoot remark edit https://moot.example/comment/01abd --text "We did that too."
    """
    source = long_text(given, file)

    async def change(parts: Parts) -> RemarkRow:
        await meet_mentioned(console, parts, source)

        def act(work: Work) -> RemarkRow:
            found, author = _ours(work, address)
            remarks.edit(work, author, found, threads.compose(work, source, language=found.language))
            return _row(work, found)

        return await console.write_in(parts, act)

    row = console.act(change)
    console.answer(row, f"Edited: {row.uri}")


@verb(remark, "remove")
@click.argument("address")
def remove(console: Console, address: str) -> None:
    """Delete a remark for good, here and wherever it went. ADDRESS is its own.

    \b
    Example:
      folkmoot remark remove https://moot.example/comment/01abd
    """

    def act(work: Work) -> RemarkRow:
        found, author = _ours(work, address)
        remarks.erase(work, author, found)
        return _row(work, found)

    row = console.write(act)
    console.answer(row, f"Deleted: {row.uri}")


@verb(remark, "like")
@click.argument("address")
@click.option("--author", required=True, help="Handle of who likes it.")
@click.option("--undo", is_flag=True, help="No longer.")
def like(console: Console, address: str, author: str, undo: bool) -> None:
    """Like what is at ADDRESS on another server, or no longer.

    \b
    Example:
      folkmoot remark like https://other.example/post/01abc --author ben
    """

    async def act(parts: Parts) -> dict[str, object]:
        liked = await parts.node.network.find_elsewhere(address)

        def act_in(work: Work) -> None:
            remarks.like(work, finding.our_person(work, author), liked, undone=undo)

        await console.write_in(parts, act_in)
        return {"uri": liked.uri, "liked": not undo}

    row = console.act(act)
    console.answer(row, f"{'Liked no longer' if undo else 'Liked'}: {row['uri']}")


def _ours(work: Work, address: str) -> tuple[Remark, Actor]:
    """A remark with its author."""
    found = stored_remarks.by_uri(work, address.strip())
    if found is None:
        raise Trouble(f"no remark of ours has the address {address}")
    return found, people.by_id(work, found.author_id)


def _row(work: Work, found: Remark) -> RemarkRow:
    author = people.by_id(work, found.author_id)
    return RemarkRow(found.uri, author.name, found.in_reply_to, found.state, found.source)
