"""Our own documents against what each peer insists on; the reason stands beside every assertion."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from federation import activities, collections, notes
from federation.actors import OutActor, Picture, RemoteActor, group_actor, node_actor, person_actor
from federation.collections import Collection
from federation.documents import AS2, LARGEST_BODY, PUBLIC, parse_json, serialise
from federation.notes import OutAttachment, OutPost, OutQuestion, article, note, tombstone
from federation.objects import Post

HOST = "https://moot.example"
ANA, BEN, GROUP = f"{HOST}/u/ana", f"{HOST}/u/ben", f"{HOST}/g/garden"
MIA = "https://mastodon.example/users/mia"
WHEN = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)
UUID = "01j9zthread0000000000000000"

THREAD = OutPost(
    id=f"{HOST}/post/{UUID}",
    author=ANA,
    author_followers=f"{ANA}/followers",
    group=GROUP,
    group_handle="garden@moot.example",
    url=f"{GROUP}/{UUID}-slugs",
    context=f"{HOST}/post/{UUID}/context",
    title="Slugs & <copper> tape",
    html="<p>Full <em>body</em></p>",
    source="Full *body*",
    excerpt="Full body",
    language="en",
    published=WHEN,
    hashtags=(("slugs", f"{HOST}/tags/slugs"),),
    replies=(f"{HOST}/comment/1", "https://mastodon.example/notes/9"),
    likes=3,
    shares=1,
    attachments=(
        OutAttachment("Link", "https://news.example/slugs", "text/html"),
        OutAttachment("Image", f"{HOST}/media/1.png", "image/png", "A slug"),
        OutAttachment("Document", f"{HOST}/media/2.ogg", "audio/ogg", "Munching"),
    ),
    image=Picture(f"{HOST}/media/1.png", "image/png"),
)
COMMENT = OutPost(
    id=f"{HOST}/comment/{UUID}",
    author=BEN,
    author_followers=f"{BEN}/followers",
    group=GROUP,
    group_handle="garden@moot.example",
    url=f"{THREAD.url}#c-2",
    context=THREAD.context,
    in_reply_to=THREAD.id,
    html="<p>Try beer.</p>",
    source="Try beer.",
    language="de",
    published=WHEN,
    cc=(MIA, ANA, MIA),
    mentions=((ANA, "ana@moot.example"), (MIA, "@mia@mastodon.example")),
)
POLL = replace(
    THREAD,
    id=f"{HOST}/post/poll",
    html="<p>Vote!</p>",
    attachments=(),
    question=OutQuestion(options=(("Sat <1>", 4), ("Sun", 2)), end_time=WHEN, voters=6),
)
VOTED_COMMENT = replace(COMMENT, question=POLL.question)
EVERY = [THREAD, COMMENT, POLL, VOTED_COMMENT, replace(THREAD, language=None, excerpt="", attachments=(), image=None)]
EVERY_DOCUMENT = [dialect(post) for post in EVERY for dialect in (note, article)]
FORUM_DOCUMENTS = [article(post) for post in EVERY]


def wrapped(document):
    to, cc = document["to"], document["cc"]
    created = activities.create(
        f"{HOST}/a/{UUID}", document["attributedTo"], document, to, cc, audience=GROUP, published=WHEN
    )
    return activities.announce(f"{HOST}/a/{UUID}2", GROUP, created, [GROUP, PUBLIC], [f"{GROUP}/followers"])


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_mastodon_and_discourse_find_the_as2_context(document):
    # Mastodon hard rule 6; Discourse wants it as a string too (json_ld.rb, required_contexts?).
    assert AS2 in document["@context"]
    assert AS2 in wrapped(document)["@context"]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_no_id_has_a_fragment(document):
    # Mastodon hard rule 5: whatever is stored under such an id is never found again.
    for key in ("id", "attributedTo", "context", "inReplyTo", "audience"):
        assert "#" not in document.get(key, "")


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_no_path_of_an_id_says_type(document):
    # Mastodon's "string"['type'] is "type" where a URL contains it, and derails Undo and Delete.
    assert "type" not in document["id"]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_content_is_never_blank(document):
    # Mastodon hard rule 7: a post without text is dropped in silence, a poll as well.
    assert re.sub(r"<[^>]*>", "", document["content"]).strip()


@pytest.mark.parametrize("document", [note(post) for post in EVERY])
def test_mastodon_reads_notes_and_questions_in_full(document):
    # Article and Page lose their body there (converted types).
    assert document["type"] in ("Note", "Question")
    # `summary` would be a content warning; `name` on a reply counts as a vote on a poll.
    assert "name" not in document and "summary" not in document


def test_a_title_is_the_first_line_of_the_note_and_escaped():
    assert note(THREAD)["content"] == (
        "<p><strong>Slugs &amp; &lt;copper&gt; tape</strong></p><p>Full <em>body</em></p>"
    )
    assert note(COMMENT)["content"] == "<p>Try beer.</p>"


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_mastodon_gives_the_context_back_in_replies(document):
    # It reads `conversation` only, and answers with both.
    assert document["conversation"] == document["context"] == THREAD.context


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_what_is_public_is_public_in_to(document):
    # Public in `cc` would be unlisted at Mastodon.
    assert PUBLIC in document["to"] and PUBLIC not in document["cc"]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_one_language_is_named_or_none(document):
    # Mastodon takes the language from the first key of contentMap, and there must not be two texts.
    assert list(document.get("contentMap", {}).values()) in ([], [document["content"]])


def test_replies_of_replies_reach_us():
    # Mastodon notifies by Mention only, and copies mentions into replies: parent's author and group are tagged.
    tags = {(tag["type"], tag["href"], tag["name"]) for tag in note(COMMENT)["tag"]}
    assert ("Mention", GROUP, "@garden@moot.example") in tags
    assert ("Mention", ANA, "@ana@moot.example") in tags
    assert ("Mention", MIA, "@mia@mastodon.example") in tags


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_quoting_is_allowed(document):
    # A missing policy disables quoting in Mastodon's pages.
    assert document["interactionPolicy"]["canQuote"]["automaticApproval"] == [PUBLIC]


def test_totals_are_embedded():
    # Mastodon does not follow the addresses of likes and shares.
    assert (note(THREAD)["likes"]["totalItems"], note(THREAD)["shares"]["totalItems"]) == (3, 1)


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_an_update_is_told_only_of_what_was_edited(document):
    # `updated` on first sight shows a post as edited; missing later, Mastodon ignores the Update.
    assert "updated" not in document


@pytest.mark.parametrize("dialect", [note, article])
def test_an_edited_post_always_says_so(dialect):
    assert dialect(replace(THREAD, updated=WHEN))["updated"] == "2026-09-01T10:00:00Z"


def test_a_poll_is_a_question_that_ends():
    document = note(POLL)
    assert document["type"] == "Question" and document["endTime"] == "2026-09-01T10:00:00Z"  # open ones: broken < 4.6.4
    assert [option["name"] for option in document["oneOf"]] == ["Sat <1>", "Sun"] and "anyOf" not in document
    assert isinstance(document["oneOf"], list) and document["votersCount"] == 6
    assert document["oneOf"][0]["replies"] == {"type": "Collection", "totalItems": 4}
    several = note(replace(POLL, question=replace(POLL.question, multiple=True, closed=WHEN)))
    assert "anyOf" in several and "oneOf" not in several and several["closed"] == "2026-09-01T10:00:00Z"


def test_all_answers_are_on_one_first_page():
    # Mastodon stops turning pages once it has five answers, GoToSocial fetches what the first page names.
    many = tuple(f"https://a{n % 7}.example/notes/{n}" for n in range(900))
    first = note(replace(THREAD, replies=many, replies_total=900))["replies"]
    assert first["totalItems"] == 900 and len(first["first"]["items"]) == 500
    assert all(isinstance(item, str) for item in first["first"]["items"]) and "next" not in first["first"]
    assert first["first"]["partOf"] == first["id"] == f"{THREAD.id}/replies"


def test_a_document_with_five_hundred_answers_is_under_a_mebibyte():
    # Mastodon's limit for a body.
    longest = tuple("https://a.example/" + "x" * 500 + str(n) for n in range(500))
    assert len(serialise(note(replace(THREAD, replies=longest)))) < LARGEST_BODY


@pytest.mark.parametrize("document", FORUM_DOCUMENTS)
def test_lemmy_finds_strings_where_it_wants_strings(document):
    for key in ("id", "type", "attributedTo", "context", "audience", "content", "url", "published"):
        assert isinstance(document[key], str)  # checklist 1 and 6: one wrong field kills the whole object
    assert isinstance(document.get("inReplyTo", ""), str)


@pytest.mark.parametrize("document", FORUM_DOCUMENTS)
def test_lemmy_can_read_every_attachment(document):
    # Checklist 2: an array; Audio, Video or PropertyValue fail the object, an Image without url as well.
    assert isinstance(document["attachment"], list)
    for attachment in document["attachment"]:
        wanted = {"Link": {"type", "href"}, "Image": {"type", "url"}, "Document": {"type", "url"}}
        assert wanted[attachment["type"]] <= set(attachment) <= {"type", "href", "url", "mediaType", "name"}


@pytest.mark.parametrize("document", FORUM_DOCUMENTS)
def test_lemmy_can_read_the_rest(document):
    assert document.get("image", {"type": "Image"})["type"] == "Image"  # checklist 3
    if "language" in document:
        assert set(document["language"]) == {"identifier", "name"}  # checklist 4: both keys
        assert all(isinstance(value, str) and value for value in document["language"].values())
    assert document["mediaType"] == "text/html"  # checklist 5
    assert document["source"]["mediaType"] == "text/markdown"
    assert isinstance(document["tag"], list)  # checklist 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["published"])  # checklist 8
    assert isinstance(document["sensitive"], bool)  # checklist 9


@pytest.mark.parametrize("document", FORUM_DOCUMENTS)
def test_lemmy_knows_the_type_of_everything(document):
    # PageType is Page, Article, Note, Video or Event: a Question fails, and the thread with it.
    assert document["type"] == ("Article" if "name" in document else "Note")


@pytest.mark.parametrize("document", FORUM_DOCUMENTS)
def test_lemmy_finds_the_group_first(document):
    # It fetches the entries of to and cc one by one until one is a community, and compares the audience exactly.
    assert document["to"][:2] == [GROUP, PUBLIC] and document["audience"] == GROUP
    outer = wrapped(document)
    for activity in (outer, outer["object"]):  # checklist 10 and 11: both present, on both
        assert isinstance(activity["to"], list) and isinstance(activity["cc"], list)
    assert outer["object"]["to"] == document["to"] and outer["object"]["cc"] == document["cc"]
    assert outer["object"]["audience"] == GROUP


def test_lemmy_wants_one_recipient_of_a_report():
    report = activities.report(f"{HOST}/a/1", ANA, [THREAD.id], GROUP, "spam")
    assert report["to"] == [GROUP] and isinstance(report["object"], str)  # checklist 12
    assert report["summary"] == report["content"] == "spam"  # Mastodon reads content


@pytest.mark.parametrize("document", [article(COMMENT), note(COMMENT), article(VOTED_COMMENT)])
def test_a_comment_has_no_name_and_no_summary(document):
    # A named reply is a vote for PieFed and Mastodon; a summary of a Note is a content warning everywhere.
    assert "name" not in document and "summary" not in document
    assert document["inReplyTo"] == THREAD.id


def test_lemmy_reads_moderation_by_its_envelope():
    removal = activities.delete(f"{HOST}/a/1", BEN, THREAD.id, [GROUP, PUBLIC], [GROUP], audience=GROUP, summary="")
    assert PUBLIC in removal["to"] and removal["cc"] == [GROUP] and removal["summary"] == ""  # only `to` is looked at
    ban = activities.block(f"{HOST}/a/1", BEN, MIA, GROUP, [GROUP, PUBLIC], [GROUP], summary="rude")
    assert ban["target"] == ban["audience"] == GROUP and ban["removeData"] is False and "endTime" not in ban
    pin = activities.add(f"{HOST}/a/1", BEN, THREAD.id, f"{GROUP}/featured", [GROUP, PUBLIC], [GROUP], audience=GROUP)
    assert pin["target"] == f"{GROUP}/featured" and isinstance(pin["object"], str)


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_nothing_is_null(document):
    # PieFed and Mbin ask whether a key is there ('name' in object), not what it holds.
    def nulls(value):
        if value is None:
            return True
        return any(map(nulls, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))

    assert not nulls(document)


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_piefed_does_not_cut_our_ids(document):
    # It cuts activity ids at 100 characters, and then knows neither the one nor the other.
    for activity in (wrapped(document), wrapped(document)["object"], wrapped(document)["object"]["object"]):
        assert len(activity["id"]) < 100


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_the_context_is_outside_only(document):
    # PieFed and Mbin strip it from what is embedded.
    outer = wrapped(document)
    assert "@context" in outer and "@context" not in outer["object"] and "@context" not in outer["object"]["object"]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_mbin_finds_what_it_reads_unguarded(document):
    for key in ("to", "cc", "published"):  # Page.php reads them without asking
        assert document[key]
    hosts = {uri.split("/")[2] for uri in (document["id"], document["attributedTo"], wrapped(document)["id"])}
    assert len(hosts) == 1  # host(keyId) == host(id) == host(actor)


def test_piefed_wraps_content_that_does_not_begin_with_a_block():
    for document in EVERY_DOCUMENT:
        assert document["content"].startswith(("<p>", "<blockquote>"))


def test_nodebb_finds_a_title_a_preview_and_one_author():
    document = article(THREAD)
    assert document["type"] == "Article" and document["name"] == "Slugs & <copper> tape"
    assert document["content"] == "<p>Full <em>body</em></p>"  # without the title: it has its own place
    assert document["summary"] == "<p>Full body</p>"
    assert document["preview"]["type"] == "Note" and document["preview"]["attributedTo"] == ANA
    assert isinstance(document["attributedTo"], str)  # arrays are refused on Create and Update
    assert document["source"]["content"] == "Full *body*"  # shown rather than content


def test_an_excerpt_is_one_short_paragraph():
    # Pleroma and Misskey show a summary as the subject.
    summary = article(replace(THREAD, excerpt="two\nlines & " + "x" * 900))["summary"]
    assert summary.startswith("<p>two lines &amp; xxx") and summary.endswith("…</p>") and len(summary) < 320


def test_piefed_and_mbin_learn_whether_comments_are_open():
    assert article(THREAD)["commentsEnabled"] is True and article(THREAD)["stickied"] is False
    assert article(replace(THREAD, locked=True, pinned=True))["commentsEnabled"] is False


def test_a_poll_is_told_forums_in_words():
    content = article(POLL)["content"]
    assert "<li>Sat &lt;1&gt;</li><li>Sun</li>" in content and f'href="{POLL.url}"' in content
    assert "oneOf" not in article(POLL)


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_everyone_is_addressed_once(document):
    # One delivery each; Mastodon keeps a comment where one of its people is in to or cc.
    assert len(set(document["to"] + document["cc"])) == len(document["to"] + document["cc"])


def test_the_participants_are_in_cc():
    assert note(COMMENT)["cc"] == [f"{BEN}/followers", MIA, ANA]


@pytest.mark.parametrize("post", EVERY)
def test_both_dialects_are_one_object(post):
    # A host that saw both would take one for an edit of the other: ids, people and times are the same.
    one, other = note(post), article(post)
    for key in ("id", "attributedTo", "to", "cc", "audience", "context", "url", "published", "tag", "replies"):
        assert one[key] == other[key]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_we_read_what_we_write(document):
    post = Post.parse(parse_json(serialise(wrapped(document)))["object"]["object"])
    assert post.attributed_to == document["attributedTo"] and post.is_public and not post.is_vote
    assert GROUP in {mention.href for mention in post.mentions}


ACTOR = OutActor(
    id=GROUP,
    username="garden",
    host="moot.example",
    page=GROUP,
    public_key_pem="-----BEGIN PUBLIC KEY-----\n",
    shared_inbox=f"{HOST}/inbox",
    name="Garden talk",
    summary="<p>Sidebar</p>",
    source="Sidebar",
    icon=Picture(f"{HOST}/media/g.png", "image/png", "A spade"),
    languages=(("en", "English"),),
    fields=(("Rules", "<p>Be kind</p>"),),
    published=WHEN,
)


@pytest.mark.parametrize("document", [group_actor(ACTOR), person_actor(ACTOR), node_actor(ACTOR)])
def test_every_actor_has_what_peers_cannot_do_without(document):
    assert AS2 in document["@context"]
    for key in ("id", "preferredUsername", "inbox", "outbox"):
        assert isinstance(document[key], str)  # Lemmy wants an outbox of a Person too; Mastodon the name
    key = document["publicKey"]
    assert key["owner"] == document["id"] and key["id"] == f"{document['id']}#main-key"  # without fragment: the actor
    assert document["webfinger"] == "garden@moot.example"  # FEP-2c59
    assert isinstance(document["attachment"], list)  # Mastodon: must be an array
    assert document["url"].startswith(HOST)  # same host as the id, or Mastodon shows the id
    assert document["endpoints"] == {"sharedInbox": f"{HOST}/inbox"}
    assert "type" not in document["id"] and "#" not in document["id"]
    assert RemoteActor.parse(parse_json(serialise(document))).keys


def test_a_public_group_is_not_taken_for_private():
    # Lemmy: manuallyApprovesFollowers makes a community private, and then refuses every public post of it.
    group = group_actor(ACTOR)
    assert group["type"] == "Group" and group["manuallyApprovesFollowers"] is False
    assert group["attributedTo"] == f"{GROUP}/moderators"  # one string
    assert group["language"] == [{"identifier": "en", "name": "English"}]  # a list, or not there
    assert group["icon"]["type"] == "Image" and "image" not in group
    assert group["discoverable"] is group["indexable"] is True  # Mastodon's default is false: never in search
    assert group["postingRestrictedToMods"] is False and group["featured"] == f"{GROUP}/featured"
    assert "language" not in group_actor(replace(ACTOR, languages=()))


def test_a_person_is_a_person_and_the_node_an_application():
    # Lemmy takes Person, Service or Organization as author: an Application would fail.
    assert person_actor(ACTOR)["type"] == "Person"
    node = node_actor(ACTOR)
    assert node["type"] == "Application" and "followers" not in node


def test_a_moved_or_suspended_person_says_so():
    moved = person_actor(
        replace(ACTOR, moved_to=MIA, also_known_as=(MIA,), suspended=True, updated=WHEN, manually_approves=True)
    )
    assert moved["movedTo"] == MIA and moved["alsoKnownAs"] == [MIA] and moved["suspended"] is True
    assert moved["updated"] == "2026-09-01T10:00:00Z" and moved["manuallyApprovesFollowers"] is True


def test_an_outbox_is_inline_and_of_one_kind():
    # Lemmy: one item that is no Announce fails the whole; PieFed reads 10 of a page, 50 inline.
    outbox = collections.ordered_collection(f"{GROUP}/outbox", [wrapped(article(THREAD))])
    assert outbox["type"] == "OrderedCollection" and outbox["totalItems"] == 1 and "first" not in outbox
    item = outbox["orderedItems"][0]
    assert item["type"] == "Announce" and item["object"]["type"] == "Create" and "@context" not in item
    assert item["object"]["object"]["type"] == "Article"


def test_moderators_and_featured_are_inline():
    moderators = collections.ordered_collection(f"{GROUP}/moderators", [ANA, BEN])
    assert moderators["orderedItems"] == [ANA, BEN] and moderators["totalItems"] == 2
    # Mastodon pins ids and objects that are exactly Notes of the group itself.
    welcome = note(replace(THREAD, author=GROUP, author_followers=f"{GROUP}/followers"))
    assert collections.ordered_collection(f"{GROUP}/featured", [welcome])["orderedItems"][0]["type"] == "Note"


def test_followers_are_counted_not_listed():
    # Lemmy wants a Collection with an (empty) list; without `first` Mastodon shows the list as hidden.
    followers = collections.collection(f"{GROUP}/followers", 128)
    assert followers["type"] == "Collection" and followers["totalItems"] == 128
    assert followers["items"] == [] and "first" not in followers


def test_a_context_lists_ids_the_opening_first():
    ids = [THREAD.id, COMMENT.id, "https://mastodon.example/notes/9"]
    document = collections.conversation(
        THREAD.context, ids, title="Slugs", page=THREAD.url, group=GROUP, published=WHEN
    )
    # Discourse: AS2 context, id and type, or topic creation fails; NodeBB: orderedItems, as the type begins Ordered.
    assert document["@context"] == AS2 and document["type"] == "OrderedCollection"
    assert document["orderedItems"] == ids and document["attributedTo"] == document["audience"] == GROUP
    assert Collection.parse(document).items == tuple(ids)


def test_a_long_context_has_pages():
    ids = [f"{HOST}/comment/{n}" for n in range(1001)]
    document = collections.conversation(THREAD.context, ids, title="Slugs", page=THREAD.url, group=GROUP)
    assert document["first"] == f"{THREAD.context}?page=1" and "orderedItems" not in document
    pages = [collections.conversation_page(THREAD.context, ids, page) for page in (1, 2, 3)]
    assert [item for page in pages for item in page["orderedItems"]] == ids
    assert [page.get("next") for page in pages] == [f"{THREAD.context}?page=2", f"{THREAD.context}?page=3", None]
    assert all(page["type"] == "OrderedCollectionPage" and page["partOf"] == THREAD.context for page in pages)
    assert collections.conversation_page(THREAD.context, ids, 4) is None
    assert collections.conversation_page(THREAD.context, ids, 0) is None


def test_replies_stand_alone_too():
    whole = collections.replies_collection(THREAD.id, [COMMENT.id])
    page = collections.replies_page(THREAD.id, [COMMENT.id])
    assert whole["first"]["items"] == page["items"] == [COMMENT.id] and page["id"] == whole["first"]["id"]
    assert whole["@context"] == page["@context"] == AS2


def test_a_tombstone_keeps_nothing_of_the_author():
    stone = tombstone(THREAD.id, former_type="Article", deleted=WHEN, context=THREAD.context, audience=GROUP)
    assert set(stone) == {"@context", "id", "type", "formerType", "deleted", "context", "audience"}
    assert stone["type"] == "Tombstone"  # NodeBB reads formerType (FEP-4f05)
    assert "context" not in tombstone(THREAD.id, former_type="Note", deleted=WHEN)


def test_there_is_one_writer_for_each_dialect():
    assert (notes.DIALECTS["microblog"], notes.DIALECTS["forum"]) == (note, article)
