"""What is written about groups: invitations, requests to be let in and their answers."""

from typing import Any
from urllib.parse import urlsplit

from node.forum import events
from node.mail import writing
from storage import accounts, people, threads
from storage.schema import Actor, Invitation
from storage.work import Work


def send_invitation(work: Work, it: events.Invited) -> None:
    """The way in, to the address that was given, or to that of whoever is known here."""
    invitation = it.invitation
    to = _of_account(work, invitation.invited_id) if invitation.invited_id is not None else None
    address = invitation.email or (to[1] if to is not None else None)
    if address is None:
        return
    group = people.by_id(work, invitation.group_id)
    inviter = it.inviter.display_name or it.inviter.name if it.inviter is not None else writing.node_name(work)
    values: dict[str, Any] = {"inviter": inviter, "words": invitation.words, "till": invitation.expires_at}
    values |= {"link": f"/invitations/{it.secret}"}
    if invitation.thread_id is not None:
        values["thread"] = threads.by_id(work, invitation.thread_id).title
    else:
        values["group"] = group.display_name or group.name
    actor = to[0] if to is not None else None
    writing.write(
        work,
        "guest_invitation" if invitation.thread_id is not None else "invitation",
        to_address=address,
        to_name=actor.display_name if actor is not None else "",
        actor_id=actor.id if actor is not None else None,
        language=actor.language if actor is not None else _language_of(work, invitation),
        zone=to[2] if to is not None else None,
        **values,
    )


def tell_moderators(work: Work, it: events.JoinAsked) -> None:
    """Everyone who may let somebody in hears that they wait."""
    for moderator in people.moderators(work, it.group.id):
        to = _of_account(work, moderator.id)
        if to is None or to[1] is None:
            continue
        writing.write(
            work,
            "join_request",
            to_address=to[1],
            to_name=moderator.display_name,
            actor_id=moderator.id,
            language=moderator.language,
            zone=to[2],
            group=it.group.display_name or it.group.name,
            name=it.actor.display_name or it.actor.name,
            link=f"{urlsplit(it.group.uri).path}/requests",
            words=it.request.words,
        )


def tell_approved(work: Work, it: events.JoinApproved) -> None:
    """Whoever asked hears that they are in."""
    to = _of_account(work, it.actor.id)
    if to is None or to[1] is None:
        return
    writing.write(
        work,
        "joined",
        to_address=to[1],
        to_name=it.actor.display_name,
        actor_id=it.actor.id,
        language=it.actor.language,
        zone=to[2],
        group=it.group.display_name or it.group.name,
        link=urlsplit(it.group.uri).path,
    )


def _of_account(work: Work, actor_id: int) -> tuple[Actor, str | None, str | None] | None:
    """Someone of ours with their address and zone; None where nobody signs in."""
    account = accounts.of(work, actor_id)
    if account is None or account.deactivated_at is not None:
        return None
    return people.by_id(work, actor_id), account.email, account.zone


def _language_of(work: Work, invitation: Invitation) -> str | None:
    return people.by_id(work, invitation.group_id).language
