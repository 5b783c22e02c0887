"""What authors and moderators do to items and threads, each on a small page that works without scripts."""

from aiohttp import web

from node.forum import moves, reports, rules, tags, text, threads, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.languages import gettext as _
from node.web import addresses, deeds
from node.web.deeds import NONE, OPTIONAL, REQUIRED, Act, Deed
from node.web.forms import Form
from storage import reports as stored_reports
from storage import subjects
from storage import threads as stored_threads
from storage.schema import Actor, Comment, Group
from storage.subjects import Subject
from storage.work import Work

EXCERPT = 160  # characters of an item, in the words that open its own thread


def _row(work: Work, subject: Subject) -> Comment:
    return stored_threads.comment(work, subject.id)


def _must_moderate(work: Work, actor: Actor, subject: Subject) -> None:
    rules.may_moderate(work, actor, subject.group_id)


def _must_tend(work: Work, actor: Actor, subject: Subject) -> str:
    """Its author and moderators may; says whether a reason is asked for."""
    if deeds.is_author(actor, subject):
        return NONE
    _must_moderate(work, actor, subject)
    return REQUIRED


# ------------------------------------------------------------------ items


def _offer_delete(work: Work, actor: Actor, subject: Subject) -> Deed:
    if not deeds.is_author(actor, subject) or subject.state not in ("visible", "removed"):
        raise NotAllowed("Only its author may delete this.")
    means = [
        _("Its words, its earlier wordings and the reactions to it are erased for good, here and on other servers.")
    ]
    if subject.number == 0 and subject.comments:
        means.append(_("Its title goes too. What others answered stays."))
    elif subject.replies:
        means.append(_("What others answered stays, and says that this was deleted."))
    title = _("Delete this thread?") if subject.number == 0 else _("Delete this?")
    return Deed(title, tuple(means), _("Delete it for good"), danger=True)


def _delete(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    threads.erase_comment(work, actor, _row(work, subject))
    return deeds.path_now(work, subject, actor.id)


def _offer_remove(work: Work, actor: Actor, subject: Subject) -> Deed:
    _must_moderate(work, actor, subject)
    if subject.state != "visible":
        raise NotFound("It is not here any more.")
    return Deed(
        _("Remove this?"),
        (
            _("Nobody sees its words from now on. Its place in the thread stays, with your reason below it."),
            _("You can restore it here. Servers elsewhere are told to delete it, and not all of them take it back."),
        ),
        _("Remove it"),
        REQUIRED,
        danger=True,
    )


def _remove(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    upkeep.remove_comment(work, actor, _row(work, subject), form.text("reason"))
    return deeds.path_now(work, subject, actor.id)


def _offer_restore(work: Work, actor: Actor, subject: Subject) -> Deed:
    _must_moderate(work, actor, subject)
    if subject.state != "removed":
        raise NotAllowed("Only what a moderator removed can be restored.")
    means = [_("Everybody who can read this thread sees it again.")]
    if subject.is_public:
        means.append(_("Some servers elsewhere, such as Mastodon, do not take back what was deleted once."))
    return Deed(_("Restore this?"), tuple(means), _("Restore it"), OPTIONAL)


def _restore(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    upkeep.restore_comment(work, actor, _row(work, subject), form.text("reason"))
    return deeds.path_now(work, subject, actor.id)


def _offer_split(work: Work, actor: Actor, subject: Subject) -> Deed:
    _must_moderate(work, actor, subject)
    if subject.number == 0 or subject.state == "moved":
        raise NotFound("There is no such branch.")
    excerpt = text.plain(subject.html, EXCERPT) if subject.state == "visible" else ""
    whose = f" {subject.author.name}" if subject.author is not None else ""
    place = f"{work.origin}{deeds.place_of(subject)}"
    origin = subject.title if subject.opening == "visible" else place
    return Deed(
        _("Make this a thread of its own"),
        (
            _("It moves to a new thread together with all that answers it. Where it was, a line says where it went."),
            _("You open that thread, in your own words. Links to what moves keep leading there."),
        ),
        _("Make a new thread"),
        OPTIONAL,
        fields={
            "title": text.clean_name(excerpt, threads.TITLE),
            "source": _("This began with what%(whose)s said in [%(title)s](%(link)s).", whose=whose,
                        title=_in_link(origin), link=place),
        },
    )  # fmt: skip


def _in_link(title: str) -> str:
    """A title as the words of a link in Markdown."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>#!|~@" else char for char in title)


def _split(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    words = threads.compose(work, form.text("source"), language=subject.language)
    opening = moves.split_branch(work, actor, _row(work, subject), form.text("title"), words, form.text("reason"))
    found = subjects.of_item(work, opening.uid, actor.id)
    return deeds.path_of(found) if found is not None else addresses.group_path(subject.group)


# ------------------------------------------------------------------ threads


def _offer_lock(work: Work, actor: Actor, subject: Subject) -> Deed:
    _must_moderate(work, actor, subject)
    if subject.locked:
        return Deed(
            _("Reopen this thread?"), (_("Everybody who could answer before can answer again."),), _("Reopen it"),
            OPTIONAL, value="off",
        )  # fmt: skip
    return Deed(
        _("Lock this thread?"), (_("It can be read, and not answered any more. You can reopen it."),), _("Lock it"),
        REQUIRED, value="on",
    )  # fmt: skip


def _lock(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    upkeep.lock_thread(work, actor, subject.thread_id, form.text("reason"), locked=_is_on(form))
    return deeds.path_now(work, subject, actor.id)


def _is_on(form: Form) -> bool:
    """What the button said when the page was made: pressed late, it must not do the opposite."""
    if form.text("turn") not in ("on", "off"):
        raise Invalid("This form was not made here; open it again.")
    return form.text("turn") == "on"


def _offer_pin(work: Work, actor: Actor, subject: Subject) -> Deed:
    _must_moderate(work, actor, subject)
    if subject.pinned:
        means = _("It takes its place among the other threads of the group, by what is newest in it.")
        return Deed(_("Unpin this thread?"), (means,), _("Unpin it"), OPTIONAL, value="off")
    means = _("It stands first in the group until it is unpinned.")
    return Deed(_("Pin this thread?"), (means,), _("Pin it"), OPTIONAL, value="on")


def _pin(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    upkeep.pin_thread(work, actor, subject.thread_id, form.text("reason"), pinned=_is_on(form))
    return deeds.path_now(work, subject, actor.id)


def _offer_tags(work: Work, actor: Actor, subject: Subject) -> Deed:
    reason = OPTIONAL if _must_tend(work, actor, subject) else NONE
    return Deed(
        _("Tags of this thread"), (_("Besides the hashtags in its opening, which count as tags too."),), _("Save"),
        reason, shows=False, fields={"tags": ", ".join(subject.tags), "most": tags.MOST},
    )  # fmt: skip


def _tag(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    tags.set_tags(work, actor, subject.thread_id, tags.split(form.text("tags")), form.text("reason"))
    return deeds.path_now(work, subject, actor.id)


def _offer_private(work: Work, actor: Actor, subject: Subject) -> Deed:
    reason = _must_tend(work, actor, subject)
    if not subject.is_public:
        raise NotAllowed("This thread is private already.")
    if subject.group_threads == "public":
        raise NotAllowed("Threads in this group are public.")
    return Deed(
        _("Make this thread private?"),
        (
            _("Only members of %(group)s can read it from then on. It cannot become public again.",
              group=subject.group_title),
            _("Servers elsewhere are told to delete what was written here. What people on other servers wrote stays"
              " with them, and nobody can make anybody forget what they read."),
        ),
        _("Make it private for good"),
        reason,
        danger=True,
    )  # fmt: skip


def _make_private(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    upkeep.make_private(work, actor, subject.thread_id, form.text("reason"))
    return deeds.path_now(work, subject, actor.id)


def _offer_whiteboard(work: Work, actor: Actor, subject: Subject) -> Deed:
    reason = OPTIONAL if _must_tend(work, actor, subject) else NONE
    if subject.author is None or not subject.author.local:
        raise NotAllowed("What was written on another server can only be changed there.")
    if subject.whiteboard:
        means = _("Members of the group cannot change the opening any more. What they changed stays.")
        return Deed(_("Keep the opening to its author?"), (means,), _("Keep it to its author"), reason, value="off")
    means = _("Every member of %(group)s can change the opening of this thread; each change says who made it and what"
              " it was, and every earlier wording is kept.", group=subject.group_title)  # fmt: skip
    return Deed(_("Let members edit the opening?"), (means,), _("Let them edit it"), reason, value="on")


def _set_whiteboard(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    upkeep.share_opening(work, actor, subject.thread_id, form.text("reason"), shared=_is_on(form))
    return deeds.path_now(work, subject, actor.id)


def _offer_move(work: Work, actor: Actor, subject: Subject) -> Deed:
    _must_moderate(work, actor, subject)
    means = [_("It goes with all that was said in it. Its old address keeps leading to it.")]
    if subject.is_public:
        means.append(
            _("In a group that is stricter it becomes private for good, and servers elsewhere are told to delete it.")
        )
    else:
        means.append(_("The members of the other group will read it, and those of this one no longer, unless they are"
                       " in both."))  # fmt: skip
    choices = [
        (card.name, card.title, _privacy_there(card.privacy, card.threads_are, private=not subject.is_public))
        for card in targets(work, actor, subject)
    ]
    return Deed(_("Move this thread"), tuple(means), _("Move it"), REQUIRED, fields={"groups": choices})


def _privacy_there(privacy: str, threads_are: str, *, private: bool) -> str:
    if privacy == "secret":
        return _("A secret group: the thread is private there for good.")
    if private:
        return _("It stays private.")
    if threads_are == "private":
        return _("Threads there are private: this one becomes private for good.")
    return _("It stays public.")


def targets(work: Work, actor: Actor, subject: Subject) -> list[moves.Target]:
    """The groups to which the actor may move the thread."""
    return moves.targets(work, actor, subject.thread_id)


def _move(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    chosen = next((card for card in targets(work, actor, subject) if card.name == form.text("group")), None)
    if chosen is None:
        raise Invalid("Choose a group.", field="group")
    moves.move_thread(work, actor, subject.thread_id, work.get_one(Group, chosen.id), form.text("reason"))
    return deeds.path_now(work, subject, actor.id)


# ------------------------------------------------------------------ reports


def _offer_report(work: Work, actor: Actor, subject: Subject) -> Deed:
    if subject.state != "visible":
        raise NotFound("It is not here any more.")
    if deeds.is_author(actor, subject):
        raise NotAllowed("This is yours: you can edit or delete it yourself.")
    elsewhere = subject.author is not None and not subject.author.local
    if subject.author is not None and stored_reports.moderates(work, subject.author.id, subject.group_id):
        means = _("A moderator wrote it: the admins of this node read what you say, and that it was you. Nobody else"
                  " learns of it.")  # fmt: skip
    else:
        means = _("The moderators of %(group)s read what you say, and that it was you. Nobody else learns of it.",
                  group=subject.group_title)  # fmt: skip
    return Deed(
        _("Report this"),
        (means,),
        _("Report it"),
        fields={
            "categories": categories(),
            "host": subject.author.host if elsewhere and subject.author is not None else "",
        },
    )  # fmt: skip


def categories() -> list[tuple[str, str, str]]:
    """What a report may be about: value, words, and a hint."""
    return [
        ("spam", _("Advertising or spam"), ""),
        ("abuse", _("It attacks or endangers somebody"), ""),
        ("rules", _("It is against the rules of this group"), ""),
        ("other", _("Something else"), ""),
    ]


def _report(work: Work, actor: Actor, subject: Subject, form: Form) -> str:
    reports.report_item(
        work, actor, _row(work, subject), form.text("category"), form.text("words"), forward=form.flag("forward")
    )
    return f"/items/{subject.uid}/reported"


ON_ITEMS: dict[str, Act] = {
    "delete": Act(_offer_delete, _delete),
    "remove": Act(_offer_remove, _remove),
    "restore": Act(_offer_restore, _restore),
    "split": Act(_offer_split, _split),
    "report": Act(_offer_report, _report),
}
ON_THREADS: dict[str, Act] = {
    "lock": Act(_offer_lock, _lock, of_thread=True),
    "pin": Act(_offer_pin, _pin, of_thread=True),
    "tags": Act(_offer_tags, _tag, of_thread=True),
    "private": Act(_offer_private, _make_private, of_thread=True),
    "whiteboard": Act(_offer_whiteboard, _set_whiteboard, of_thread=True),
    "move": Act(_offer_move, _move, of_thread=True),
}


def routes() -> list[web.RouteDef]:
    """Two addresses for each act: its page, and its form."""
    found: list[web.RouteDef] = []
    for kind, table in (("items", ON_ITEMS), ("threads", ON_THREADS)):
        for name, act in table.items():
            found.append(web.get(f"/{kind}/{{uid}}/{name}", deeds.show(act)))
            found.append(web.post(f"/{kind}/{{uid}}/{name}", deeds.do(act)))
    return found
