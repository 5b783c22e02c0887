"""Posts, actors and collections of other servers, as they come and as they should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.actors import KeyDocument, RemoteActor, is_actor, is_actor_type
from federation.collections import Collection, is_collection, xor_digest
from federation.documents import PUBLIC
from federation.errors import Malformed
from federation.objects import Attachment, Mention, Option, Post, is_post, is_tombstone

ANA = "https://coop.example/u/ana"
BEN = "https://coop.example/u/ben"
GROUP = "https://moot.example/g/garden"
THREAD = "https://moot.example/post/1"


def note(**other):
    return {"id": "https://coop.example/notes/1", "type": "Note", "attributedTo": ANA, "content": "<p>Hi</p>"} | other


def person(**other):
    actor = {
        "id": ANA,
        "type": "Person",
        "preferredUsername": "ana",
        "inbox": f"{ANA}/inbox",
        "publicKey": {"id": f"{ANA}#main-key", "owner": ANA, "publicKeyPem": "-----BEGIN PUBLIC KEY-----"},
    }
    return actor | other


def test_a_mastodon_reply_is_read():
    post = Post.parse(
        note(
            summary=None,
            inReplyTo=THREAD,
            conversation=f"{THREAD}/context",
            published="2026-08-09T10:05:00Z",
            url="https://coop.example/@ana/1",
            to=[PUBLIC],
            cc=[f"{ANA}/followers", GROUP],
            contentMap={"de": "<p>Hi</p>"},
            sensitive=False,
            tag=[
                {"type": "Mention", "href": GROUP, "name": "@garden@moot.example"},
                {"type": "Hashtag", "href": "https://coop.example/tags/beans", "name": "#Beans"},
                {"type": "Emoji", "name": ":sprout:", "icon": {"type": "Image", "url": "https://coop.example/e.png"}},
            ],
            attachment=[
                {"type": "Document", "mediaType": "image/PNG", "url": "https://coop.example/a.png", "name": "Beans"},
                {"type": "PropertyValue", "name": "x", "value": "y"},
            ],
            replies={"id": "https://coop.example/notes/1/replies", "type": "Collection"},
        )
    )
    assert post.in_reply_to == THREAD and post.conversation == f"{THREAD}/context" and post.summary is None
    assert post.language == "de" and post.is_public and not post.is_vote and GROUP in post.addressed
    assert post.mentions == (Mention(GROUP, "@garden@moot.example"),) and post.hashtags == ("Beans",)
    assert post.emojis == (("sprout", "https://coop.example/e.png"),)
    assert post.attachments == (Attachment("Document", "https://coop.example/a.png", "image/png", "Beans"),)
    assert post.url == "https://coop.example/@ana/1" and post.replies == "https://coop.example/notes/1/replies"


def test_a_lemmy_page_is_read():
    post = Post.parse(
        note(
            type="Page",
            name="Slugs",
            source={"content": "Hi", "mediaType": "text/markdown"},
            attachment=[{"type": "Link", "href": "https://news.example/slugs"}],
            image={"type": "Image", "url": "https://coop.example/thumb.png"},
            language={"identifier": "fr", "name": "Français"},
            audience=GROUP,
            commentsEnabled=False,
        )
    )
    assert (post.name, post.source, post.source_type, post.language) == ("Slugs", "Hi", "text/markdown", "fr")
    assert post.attachments == (Attachment("Link", "https://news.example/slugs", None, None),)
    assert post.image == "https://coop.example/thumb.png" and post.audience == (GROUP,)
    assert not post.comments_enabled


def test_a_link_post_of_mbin_keeps_its_link_in_the_source():
    post = Post.parse(note(type="Page", name="Slugs", source="https://news.example/slugs"))
    assert post.source is None and post.attachments[0].url == "https://news.example/slugs"


def test_a_peertube_video_is_read():
    post = Post.parse(
        note(
            type="Video",
            name="Compost",
            content="**Hot** compost",
            mediaType="text/markdown",
            attributedTo=[{"type": "Group", "id": GROUP}, {"type": "Person", "id": ANA}],
            url=[
                {"type": "Link", "mediaType": "video/mp4", "href": "https://coop.example/v.mp4"},
                {"type": "Link", "mediaType": "text/html", "href": "https://coop.example/w/1"},
            ],
            tag=[{"type": "Hashtag", "name": "compost"}],
        )
    )
    assert post.attributed_to == ANA and post.url == "https://coop.example/w/1" and post.media_type == "text/markdown"


def test_a_context_may_be_an_object_and_a_tag_may_stand_alone():
    post = Post.parse(
        note(
            context={"type": "OrderedCollection", "id": f"{THREAD}/context"},
            tag={"type": "Mention", "href": GROUP},
            inReplyTo={"id": THREAD, "type": "Note"},
            inConversation="https://coop.example/conversation/7",  # GNU social
        )
    )
    assert post.context == f"{THREAD}/context" and post.mentions == (Mention(GROUP, ""),)
    assert post.in_reply_to == THREAD and post.conversation == "https://coop.example/conversation/7"


def test_a_conversation_may_be_a_tag_uri():
    tag = "tag:old.example,2021-11-05:objectId=6:objectType=Conversation"
    assert Post.parse(note(conversation=tag)).conversation == tag
    assert Post.parse(note(conversation="tag:a b")).conversation is None


@pytest.mark.parametrize(
    "author",
    [
        [ANA, BEN],
        [{"type": "Person", "id": ANA}, {"type": "Person", "id": BEN}],
        [{"type": "Group", "id": GROUP}, {"type": "Group", "id": ANA}],
        [ANA, None],
        [[ANA]],
        {"href": ANA},
        [],
        None,
        "ana",
    ],
)
def test_a_post_of_several_authors_or_none_is_malformed(author):
    """AUT-06: in neither order does one of two authors count."""
    with pytest.raises(Malformed):
        Post.parse(note(attributedTo=author))
    if isinstance(author, list):
        with pytest.raises(Malformed):
            Post.parse(note(attributedTo=author[::-1]))


@pytest.mark.parametrize("kind", ["Person", "Follow", "Key", "Collection", "Tombstone", ["Note", "Page"], [], None, 3])
def test_what_is_no_post_is_not_read_as_one(kind):
    """AUT-52, PAR-27."""
    assert not is_post(note(type=kind))
    with pytest.raises(Malformed):
        Post.parse(note(type=kind))


def test_of_several_types_the_only_post_counts():
    assert Post.parse(note(type=["Note", "https://w3.example/Thing"])).type == "Note"


def test_a_post_without_an_id_is_malformed():
    for wrong in (None, 3, "", "acct:a@b.example", {"id": ANA}, "javascript:1"):
        with pytest.raises(Malformed):
            Post.parse(note(id=wrong))


def test_long_lists_are_cut():
    """PAR-10."""
    many = [{"type": "Mention", "href": f"https://a.example/u/{n}"} for n in range(20_000)]
    links = [{"type": "Link", "href": f"https://a.example/{n}"} for n in range(20_000)]
    post = Post.parse(note(tag=many, attachment=links, to=[m["href"] for m in many], url=[x["href"] for x in links]))
    assert (len(post.mentions), len(post.attachments), len(post.to)) == (50, 32, 200)
    assert post.url == "https://a.example/0"


def test_entries_of_no_use_are_left_out():
    """PAR-17, XSS-05, XSS-14."""
    post = Post.parse(
        note(
            tag=[
                *(None, [], 3, {"type": ["Mention"], "href": GROUP}, {"type": {}}),
                {"type": "Mention", "href": "javascript:x"},
                {"type": "Hashtag", "name": "##"},
                {"type": "Emoji", "name": ":<img src=x>:", "icon": {"url": "https://a.example/e.png"}},
                {"type": "Emoji", "name": ":x:", "icon": {"url": "data:image/png;base64,"}},
            ],
            attachment=[
                *(None, "https://a.example/x", {"type": ["Image"], "url": GROUP}, {"type": {}}, [{"type": "Link"}]),
                {"type": "Link", "href": "data:text/html,x"},
                {"type": "Image", "url": "https://a.example/i.png", "mediaType": '"><script>'},
            ],
            url="javascript:alert(1)",
            icon=None,
        )
    )
    assert post.mentions == () and post.hashtags == () and post.emojis == ()
    assert post.attachments == (Attachment("Image", "https://a.example/i.png", None, None),)
    assert post.url == post.id


def test_of_a_language_map_only_the_first_entry_is_read():
    """PAR-19."""
    doc = note(contentMap={"es": "<p>Hola</p>", "en": "<p>Hi</p>"})
    del doc["content"]
    post = Post.parse(doc)
    assert post.content == "<p>Hola</p>" and post.language == "es"


@pytest.mark.parametrize("language", ["und", "<b>", "e", "x" * 500, 3, None, {"identifier": None}, []])
def test_a_language_that_is_none_is_none(language):
    assert Post.parse(note(language=language)).language is None


def test_strings_are_no_booleans():
    """PAR-21."""
    post = Post.parse(note(sensitive="false", commentsEnabled="false", closed="false"))
    assert not post.sensitive and post.comments_enabled and not post.closed


def test_a_vote_is_a_named_note_without_content_that_answers():
    vote = note(name="Saturday", inReplyTo=THREAD)
    del vote["content"]
    assert Post.parse(vote).is_vote
    assert not Post.parse(vote | {"content": "<p>I choose</p>"}).is_vote
    assert not Post.parse({key: value for key, value in vote.items() if key != "inReplyTo"}).is_vote
    assert not Post.parse(vote | {"type": "Page"}).is_vote


def test_a_question_is_read():
    options = [
        {"type": "Note", "name": "Sat", "replies": {"type": "Collection", "totalItems": 4}},
        {"type": "Note", "name": "Sun", "replies": {"totalItems": "many"}},
        {"type": "Note", "name": "Sat"},
        {"name": 3},
        None,
    ]
    post = Post.parse(note(type="Question", oneOf=options, endTime="2026-09-01T00:00:00Z", closed=True))
    assert post.options == (Option("Sat", 4), Option("Sun", None)) and not post.multiple and post.closed
    assert post.end_time and post.end_time.year == 2026
    assert Post.parse(note(type="Question", anyOf=options)).multiple
    assert len(Post.parse(note(type="Question", oneOf=[{"name": str(n)} for n in range(2000)])).options) == 500


def test_an_actor_is_read():
    actor = RemoteActor.parse(
        person(
            name="Ana",
            summary="<p>Gardener</p>",
            url="https://coop.example/@ana",
            endpoints={"sharedInbox": "https://coop.example/inbox"},
            outbox=f"{ANA}/outbox",
            followers=f"{ANA}/followers",
            featured=f"{ANA}/featured",
            icon=[{"type": "Image", "url": "https://cdn.example/ana.png"}],
            manuallyApprovesFollowers=True,
            discoverable=True,
            indexable="yes",
            alsoKnownAs="https://old.example/u/ana",
            published="2026-01-01T00:00:00Z",
        )
    )
    assert actor.inbox == f"{ANA}/inbox" and actor.shared_inbox == "https://coop.example/inbox"
    assert actor.icon_url == "https://cdn.example/ana.png" and actor.url == "https://coop.example/@ana"
    assert actor.manually_approves and actor.discoverable and not actor.indexable
    assert actor.also_known_as == ("https://old.example/u/ana",) and actor.followers == f"{ANA}/followers"
    assert actor.keys == (KeyDocument(f"{ANA}#main-key", ANA, "-----BEGIN PUBLIC KEY-----"),)


def test_odd_fields_of_an_actor_are_none():
    actor = RemoteActor.parse(person(name=None, summary=None, icon=[], endpoints=None, publicKey=None, published=""))
    assert (actor.name, actor.summary, actor.icon_url, actor.shared_inbox) == (None, None, None, None)
    assert actor.keys == () and actor.published is None and actor.url == ANA


def test_a_group_names_its_moderators_by_a_collection():
    group = person(type="Group", attributedTo=f"{ANA}/moderators", postingRestrictedToMods=True)
    assert RemoteActor.parse(group).moderators == f"{ANA}/moderators"
    assert RemoteActor.parse(group).posting_restricted
    assert RemoteActor.parse(group | {"attributedTo": [{"type": "Person", "id": BEN}]}).moderators is None
    assert RemoteActor.parse(group | {"attributedTo": "https://other.example/moderators"}).moderators is None


@pytest.mark.parametrize(
    "inbox",
    [
        None,
        "",
        3,
        {},
        "https://victim.example/inbox",
        "http://coop.example/u/ana/inbox",
        "https://coop.example/in\r\nbox",
        "https://user@coop.example/inbox",
        "/inbox",
        "ftp://coop.example/inbox",
    ],
)
def test_an_inbox_that_is_not_the_actors_own_is_malformed(inbox):
    """AUT-37."""
    with pytest.raises(Malformed):
        RemoteActor.parse(person(inbox=inbox))


def test_a_shared_inbox_of_another_origin_is_ignored():
    """AUT-38."""
    for elsewhere in ("https://victim.example/inbox", "http://coop.example/inbox", "https://coop.example:8443/inbox"):
        assert RemoteActor.parse(person(endpoints={"sharedInbox": elsewhere})).shared_inbox is None


def test_collections_of_another_origin_are_ignored():
    """AUT-39."""
    elsewhere = "https://victim.example/c"
    actor = RemoteActor.parse(person(outbox=elsewhere, followers=elsewhere, following=elsewhere, featured=elsewhere))
    assert (actor.outbox, actor.followers, actor.following, actor.featured) == (None, None, None, None)


def test_a_profile_page_elsewhere_is_not_the_actors():
    assert RemoteActor.parse(person(url="https://bank.example/")).url == ANA


@pytest.mark.parametrize(
    "name", ["a/b", "a@b", "a b", "a\nb", "a\u202eb", "a\u200bb", "", "x" * 300, 3, None, "<script>", "a\x00"]
)
def test_a_username_that_would_break_a_handle_is_none(name):
    """AUT-36."""
    assert RemoteActor.parse(person(preferredUsername=name)).preferred_username is None


def test_a_key_of_another_owner_or_origin_is_not_the_actors():
    key = {"id": f"{ANA}#k", "owner": ANA, "publicKeyPem": "PEM"}
    for wrong in ({"owner": BEN}, {"id": "https://evil.example/k"}, {"publicKeyPem": 3}, {"publicKeyPem": "x" * 20000}):
        assert RemoteActor.parse(person(publicKey=key | wrong)).keys == ()
    assert len(RemoteActor.parse(person(publicKey=[key] * 500)).keys) == 10


@pytest.mark.parametrize("kind", ["Note", "Tombstone", "Feed", ["Person", "Group"], None])
def test_what_is_no_actor_is_not_read_as_one(kind):
    """AUT-16: an actor cannot turn into something else."""
    assert not is_actor(person(type=kind))
    with pytest.raises(Malformed):
        RemoteActor.parse(person(type=kind))


def test_types_are_told_apart():
    assert is_actor_type("Group") and not is_actor_type("Note") and not is_actor_type(["Group"])
    assert is_tombstone({"type": "Tombstone"}) and not is_tombstone("Tombstone")
    assert is_collection({"type": "OrderedCollection"}) and not is_collection([])


def test_a_collection_is_ids_whatever_was_embedded():
    """AUT-40."""
    read = Collection.parse(
        {
            "id": f"{THREAD}/context",
            "type": "OrderedCollection",
            "totalItems": 3,
            "orderedItems": [THREAD, {"id": ANA, "content": "forged"}, None, [ANA], "javascript:x", THREAD],
        }
    )
    assert read.items == (THREAD, ANA) and read.total_items == 3 and read.first is None


def test_a_first_page_that_is_embedded_is_read_with_it():
    replies = f"{THREAD}/replies"
    read = Collection.parse(
        {
            "id": replies,
            "type": "Collection",
            "first": {"type": "CollectionPage", "next": f"{replies}?page=2", "items": [ANA]},
        }
    )
    assert read.items == (ANA,) and read.next == f"{replies}?page=2" and read.first is None


def test_pages_of_another_origin_are_not_turned():
    """AUT-39."""
    page = {"id": f"{THREAD}/replies", "type": "CollectionPage", "next": "https://victim.example/2"}
    assert Collection.parse(page | {"first": "https://victim.example/1"}).first is None
    assert Collection.parse(page).next is None
    nameless = {"type": "CollectionPage", "next": "https://coop.example/2"}
    assert Collection.parse(nameless).next is None
    assert Collection.parse(nameless, "https://coop.example/1").next == "https://coop.example/2"


def test_a_long_collection_is_cut():
    """PAR-10."""
    items = [f"https://a.example/{n}" for n in range(20_000)]
    assert len(Collection.parse({"type": "Collection", "items": items}).items) == 500


@pytest.mark.parametrize("doc", [note(), [], None, {"type": ["Collection", "OrderedCollection"]}])
def test_what_is_no_collection_is_malformed(doc):
    with pytest.raises(Malformed):
        Collection.parse(doc)


def test_the_digest_of_ids_does_not_depend_on_their_order():
    assert xor_digest([]) == "0" * 64
    assert xor_digest([ANA, BEN]) == xor_digest([BEN, ANA, ANA]) != xor_digest([ANA])
    # SHA-256 of "abc", from FIPS 180-2
    assert xor_digest(["abc"]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just(ANA),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "type", "href", "url", "name", "items", "identifier"]), inner)
    ),
    max_leaves=12,
)
POST_FIELDS = [
    *("id", "type", "attributedTo", "actor", "name", "nameMap", "content", "contentMap", "summary", "source"),
    *("mediaType", "inReplyTo", "context", "conversation", "published", "updated", "url", "to", "cc", "audience"),
    *("tag", "attachment", "image", "language", "sensitive", "replies", "quote", "oneOf", "anyOf", "endTime", "closed"),
]
ACTOR_FIELDS = [
    *("id", "type", "preferredUsername", "name", "summary", "url", "inbox", "outbox", "followers", "featured"),
    *("endpoints", "icon", "image", "publicKey", "attributedTo", "alsoKnownAs", "movedTo", "published", "webfinger"),
]


@given(st.dictionaries(st.sampled_from(POST_FIELDS), anything))
def test_no_value_in_any_field_of_a_post_raises_anything_but_malformed(other):
    """PAR-16."""
    for base in (note(), note(type="Question")):
        try:
            post = Post.parse(base | other)
        except Malformed:
            continue
        assert post.id and post.attributed_to and isinstance(post.is_public, bool) and isinstance(post.is_vote, bool)


@given(st.dictionaries(st.sampled_from(ACTOR_FIELDS), anything))
def test_no_value_in_any_field_of_an_actor_raises_anything_but_malformed(other):
    """PAR-16."""
    try:
        actor = RemoteActor.parse(person() | other)
    except Malformed:
        return
    assert actor.id and actor.inbox


@given(st.dictionaries(st.sampled_from(["id", "items", "orderedItems", "first", "next", "totalItems"]), anything))
def test_no_value_in_any_field_of_a_collection_raises_anything_but_malformed(other):
    """PAR-16."""
    read = Collection.parse({"type": "Collection"} | other)
    assert len(read.items) <= 500
