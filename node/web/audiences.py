"""Who gets an answer, in words beside the button that sends it."""

from node import languages
from node.languages import gettext as _
from node.languages import ngettext
from storage.audience import Audience

NAMED = 3  # people; of more than that a line tells how many


def said(audience: Audience) -> str:
    """A line such as `also to ana@coop.example and 14 followers`."""
    if audience.stays:
        return _("Stays here: nothing of this thread leaves this node.")
    names = [f"@{person.handle}" for person in audience.people[:NAMED]]
    others = len(audience.people) - len(names)
    if others:
        names.append(ngettext("%(num)s other person in this thread", "%(num)s other people in this thread", others))
    if audience.followers:
        names.append(ngettext("%(num)s follower", "%(num)s followers", audience.followers))
    if not names:
        return _("Everybody can read it here; it goes to no other server yet.")
    return _("Everybody can read it here; also to %(names)s.", names=languages.enumerated(names))
