"""Moving: which accounts elsewhere are the same person, so that they can come here; and going away from here."""

from dataclasses import dataclass

from aiohttp import web

from node.forum import moving
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, errors, forms, session
from storage import people
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Moves:
    """What is said of the reader's other accounts."""

    aliases: tuple[str, ...]
    moved_to: str | None


async def show_moving(request: web.Request) -> web.StreamResponse:
    """Other accounts of the reader, and the ways here and away."""
    session.must_have_proved(request)
    return await _page(request, done=request.query.get("done", ""))


async def _page(
    request: web.Request, *, done: str = "", typed: dict[str, str] | None = None, problems: dict[str, str] | None = None
) -> web.Response:
    reader = session.must_have_proved(request)
    held = await request.app[NODE].storage.read(_held, reader.id)
    return entrance.form_page(
        request, "settings_moving.html", _("Move"), problems, held=held, done=done, typed=typed or {}
    )


def _held(work: Work, actor_id: int) -> Moves:
    actor = people.by_id(work, actor_id)
    return Moves(tuple(actor.also_known_as or ()), actor.moved_to)


async def move(request: web.Request) -> web.StreamResponse:
    """Names an account elsewhere as the reader's own, or no longer; goes there, or stays after all."""
    form = await forms.read(request)
    reader, node = session.must_have_proved(request), request.app[NODE]
    act, alias, target = form.text("act"), form.text("alias"), form.text("target")
    field = "target" if act == "move" else "alias"
    try:
        if act == "drop":
            await node.storage.write(_drop, reader.id, alias)
        elif act == "stay":
            await node.storage.write(_stay, reader.id)
        elif act == "move":
            if form.text("typed").strip().lower().removeprefix("@") != reader.name:
                raise Invalid("Type your handle, to be sure.", field="typed")
            target_id = await node.network.find_actor(target)
            await node.network.must_agree(reader.uri, target_id)
            there = await node.storage.write(_move, reader.id, target_id)
            await node.network.lead_followers(reader.uri, there)
        else:
            await node.storage.write(_add, reader.id, await node.network.find_actor(alias))
    except Invalid as refusal:
        return await _page(request, typed={"alias": alias, "target": target}, problems=entrance.problems_of(refusal))
    except (NotAllowed, NotFound) as refusal:
        return await _page(request, typed={"alias": alias, "target": target}, problems={field: errors.said(refusal)})
    return forms.see(f"/settings/account/moving?done={act if act in ('drop', 'stay', 'move') else 'add'}")


def _add(work: Work, actor_id: int, other_id: int) -> None:
    moving.add_alias(work, people.by_id(work, actor_id), people.by_id(work, other_id))


def _drop(work: Work, actor_id: int, uri: str) -> None:
    moving.drop_alias(work, people.by_id(work, actor_id), uri)


def _move(work: Work, actor_id: int, target_id: int) -> str:
    actor, target = people.by_id(work, actor_id), people.by_id(work, target_id)
    moving.move_away(work, actor, target, by=actor)
    return target.uri


def _stay(work: Work, actor_id: int) -> None:
    moving.stay(work, people.by_id(work, actor_id))
