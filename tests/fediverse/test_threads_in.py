"""Threads that people of other servers start in a group, each server in its own words."""

from tests.equipment.incoming import a_thread, copy, count_threads, deliver, items, outcomes, visible
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedActor, ScriptedServer


def mention(group: str) -> list[Document]:
    return [{"type": "Mention", "href": group, "name": "@garden@node.test"}]


async def test_a_note_that_mentions_a_group_starts_a_thread_there(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    await deliver(node, bob, bob.follow(garden))
    world.requests.clear()
    handle = '<span class="h-card"><a href="https://node.test/g/garden">@<span>garden</span></a></span>'
    content = f"<p>{handle} A shed!</p><p>It is red.</p>"
    note = maria.note(
        content, cc=[garden, maria.followers], tag=mention(garden), context="https://mastodon.test/contexts/9"
    )
    await deliver(node, maria, maria.create(note), maria.create(copy(note, content="<p>Other</p>")))

    row = await node.item(note["id"])
    assert row is not None and row.number == 0
    page = await node.page("/g/garden")
    assert "A shed!" in page
    [boost] = world.letters_to(bob.shared_inbox)
    assert (boost.json()["type"], boost.json()["object"]) == ("Announce", note["id"])
    # It is answered from both sides, and its own conversation is known from now on.
    ours = await node.say("ana", note["id"], "How red?")
    theirs = bob.note("<p>Very</p>", inReplyTo=None, context="https://mastodon.test/contexts/9")
    await deliver(node, bob, bob.create(theirs))
    assert await visible(node, note["id"]) == {ours, theirs["id"]}
    assert (await node.document(ours))["context"] == "https://mastodon.test/contexts/9"
    status, response, _ = await node.get(f"/post/{row.uid}")
    assert (status, response.headers["Location"]) == (302, note["id"])


async def test_naming_a_group_in_passing_starts_nothing(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    secret = await node.group("cellar", "ana", privacy="secret")
    maria = world.actor("maria@mastodon.test")
    passing = maria.note("<p>Only copied</p>", cc=[garden])
    not_addressed = maria.note("<p>@garden only named</p>", tag=mention(garden))
    to_a_person = maria.note("<p>@ana hello</p>", cc=[f"{node.origin}/u/ana"], tag=mention(f"{node.origin}/u/ana"))
    to_the_secret = maria.note("<p>@cellar hello</p>", cc=[secret], tag=mention(secret))
    private = maria.note("<p>@garden psst</p>", to=[garden], cc=[], tag=mention(garden))
    for note in (passing, not_addressed, to_a_person, to_the_secret, private):
        await deliver(node, maria, maria.create(note))

    assert await count_threads(node) == 0
    assert world.letters_to(maria.inbox) == []
    assert len(set((await outcomes(node))[:4])) == 1  # a secret group looks like none


def of_lemmy(author: ScriptedActor, group: str, parent: str | None) -> Document:
    """A Page or a comment: `to` names the community first, a picture beside the link, the language as an object."""
    document = author.note("<p>Which <strong>saw</strong>?</p>\n", to=[group, PUBLIC], cc=[author.uri])
    document |= {
        "audience": group,
        "mediaType": "text/html",
        "source": {"content": "Which **saw**?", "mediaType": "text/markdown"},
        "language": {"identifier": "fr", "name": "Français"},
        "context": f"{document['id']}/context",
        "tag": [{"type": "Mention", "href": group, "name": "@garden@node.test"}],
    }
    if parent is None:
        document |= {
            "type": "Page",
            "name": "Saws",
            "attachment": [{"type": "Link", "href": "https://shop.test/saws"}],
            "image": {"type": "Image", "url": "https://lemmy.test/pictrs/saw.png"},
            "tag": [{"type": "CommunityPostTag", "id": f"{group}/tag/tools", "preferredUsername": "tools"}],
        }
    return copy(document, contentMap=None, inReplyTo=parent, summary=None)


def of_piefed(author: ScriptedActor, group: str, parent: str | None) -> Document:
    """Public first, an Image as attachment, the flair and the permissions that it sends along."""
    document = author.note("<p>Which <strong>saw</strong>?</p>", to=[PUBLIC], cc=[group, author.followers])
    document |= {"audience": group, "flair": [], "genAI": False, "language": {"identifier": "en", "name": "English"}}
    if parent is None:
        document |= {"type": "Page", "name": "Saws", "commentsEnabled": True, "stickied": False}
        document["attachment"] = [{"type": "Image", "url": "https://lemmy.test/saw.png", "name": "A saw"}]
    return copy(document, inReplyTo=parent, contentMap=None)


def of_mbin(author: ScriptedActor, group: str, parent: str | None) -> Document:
    """The address of a link post as `source`; the text of a short one only as summary is nothing to us."""
    document = author.note("<p>Which <strong>saw</strong>?</p>\n", to=[group, PUBLIC], cc=[author.followers])
    document |= {"audience": group, "mediaType": "text/html", "source": "https://shop.test/saws", "updated": None}
    document["tag"] = [{"type": "Hashtag", "href": "https://lemmy.test/tag/tools", "name": "#tools"}]
    if parent is None:
        document |= {"type": "Page", "name": "Saws", "commentsEnabled": True, "stickied": False}
    return copy(document, inReplyTo=parent)


def of_nodebb(author: ScriptedActor, group: str, parent: str | None) -> Document:
    """An Article with its whole text as summary and a preview; an answer has the topic as context."""
    document = author.note("<p>Which <strong>saw</strong>?</p>", to=[PUBLIC, group], cc=[author.followers])
    document |= {"audience": group, "context": f"{author.base}/topic/7", "source": {"content": "Which **saw**?"}}
    if parent is None:
        document |= {"type": "Article", "name": "Saws", "summary": " <p>Which saw?</p>"}
        document["preview"] = {"type": "Note", "attributedTo": author.uri, "content": "<p>Which saw?</p>"}
    return copy(document, inReplyTo=parent, contentMap=None)


def of_discourse(author: ScriptedActor, group: str, parent: str | None) -> Document:
    """Its posts have `updated` from the beginning, and the collection of the topic as context."""
    document = author.note("Which <strong>saw</strong>?", to=[PUBLIC, group], cc=[])
    document |= {"context": f"{author.base}/ap/collection/8", "updated": document["published"]}
    document["tag"] = [{"type": "Mention", "href": group, "name": "garden@node.test"}]
    if parent is None:
        document |= {"type": "Article", "name": "Saws"}
    return copy(document, inReplyTo=parent, contentMap=None, summary=None)


def of_peertube(author: ScriptedActor, group: str, parent: str | None) -> Document:
    """A Video by its Person and the Group it is in, told in Markdown, with pages as objects."""
    document = author.note("Which **saw**?", to=[PUBLIC], cc=[group, author.followers])
    if parent is None:
        document |= {"type": "Video", "name": "Saws", "mediaType": "text/markdown"}
        document["attributedTo"] = [
            {"type": "Person", "id": author.uri},
            {"type": "Group", "id": f"{author.base}/video-channels/saws"},
        ]
        document["url"] = [
            {"type": "Link", "mediaType": "text/html", "href": f"{author.base}/w/7"},
            {"type": "Link", "mediaType": "video/mp4", "href": f"{author.base}/7.mp4"},
        ]
    return copy(document, inReplyTo=parent, contentMap=None)


SERVERS = (of_lemmy, of_piefed, of_mbin, of_nodebb, of_discourse, of_peertube)


async def test_forum_software_starts_threads_and_answers(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    liam = world.actor("liam@lemmy.test")
    for server in SERVERS:
        post = server(liam, garden, None)
        await deliver(node, liam, liam.create(post))
        ours = await node.say("ana", post["id"], "The long one.")
        answer = server(liam, garden, ours)
        await deliver(node, liam, liam.create(copy(answer, context=None, id=f"{answer['id']}-{server.__name__}")))

        found = await items(node, post["id"])
        assert [item.parent for item in found.values()] == [None, post["id"], ours], server.__doc__
        assert "<strong>saw</strong>" in found[post["id"]].html
        row = await node.item(post["id"])
        assert row is not None and row.summary is None and row.edited_at is None
        assert row.attachments == [] or row.attachments[0]["url"].endswith(("/saws", "/saw.png"))
    page = await node.page(f"/post/{row.uid}")
    assert "Saws" in page and "The long one." in page


async def test_a_question_from_elsewhere_starts_a_thread_that_can_be_read(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = world.actor("maria@mastodon.test")
    question = copy(maria.note("<p>@garden Oak or ash?</p>", cc=[garden], tag=mention(garden)), type="Question")
    question |= {"anyOf": [{"type": "Note", "name": name} for name in ("Oak", "Ash")], "closed": "2026-11-22T11:00:00Z"}
    await deliver(node, maria, maria.create(question))

    row = await node.item(question["id"])
    assert row is not None and row.question is not None
    assert (row.question["multiple"], row.question["options"]) == (True, [["Oak", None], ["Ash", None]])
    assert "Ash" in await node.page(f"/post/{row.uid}")


async def test_an_answer_never_starts_a_thread(node: Moot, world: ScriptedServer) -> None:
    await a_thread(node)
    garden = f"{node.origin}/g/garden"
    maria = world.actor("maria@mastodon.test")
    parent = maria.publish(maria.note("<p>Elsewhere</p>"))
    note = maria.note("<p>@garden look</p>", inReplyTo=parent["id"], cc=[garden], tag=mention(garden))
    await deliver(node, maria, maria.create(note))

    assert await count_threads(node) == 1
    assert await node.item(parent["id"]) is None
