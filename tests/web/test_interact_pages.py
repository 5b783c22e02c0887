"""From one's own server: the form, the way there, and what it refuses."""

import pytest

from node.web.interact import read_handle

GROUP = "https://moot.example/g/commons"
HTML = {"Accept": "text/html"}


@pytest.fixture
async def thread(moot):
    return await moot.thread(await moot.group(), await moot.person("liam", "Liam Moran"), "Who pays?")


async def send(moot, headers=None, **form):
    """The form, filled in."""
    given = {"object": GROUP, "intent": "follow", "handle": "@ana@coop.example"} | form
    return await moot.client.post("/interact", data=given, headers=HTML | (headers or {}), allow_redirects=False)


async def test_the_form_names_what_it_is_about(moot, thread):
    uri = (await moot.item(thread, 0)).uri
    page = await moot.page(f"/interact?object={uri}&intent=reply")
    assert page.text(page.one("h1")) == "Reply from your server"
    assert "To what Liam Moran wrote in “Who pays?”" in page.text()
    assert page.one("input", name="object").get("value") == uri
    assert page.one("input", name="handle").get("aria-describedby") == "handle-hint"
    follow = await moot.page(f"/interact?object={GROUP}&intent=follow")
    assert follow.text(follow.one("h1")) == "Follow Commons in Motion from your server"


async def test_the_address_is_shown_before_anybody_leaves(moot, thread):
    """WEB-16"""
    response = await send(moot)
    source = await response.text()
    assert response.status == 200
    assert "Location" not in response.headers
    assert f'href="https://coop.example/authorize_interaction?uri={GROUP}"' in source
    assert "Continue on coop.example" in source
    assert moot.network.asked == [("ana@coop.example", GROUP, "follow")]


async def test_a_server_that_sends_its_people_elsewhere_is_named_with_where_that_is(moot, thread):
    source = await (await send(moot, handle="ana@moved.example")).text()
    assert "Your server, moved.example, sends you on to another one, new.example." in source


async def test_who_asks_to_be_led_at_once_is(moot, thread):
    response = await send(moot, go="1")
    assert response.status == 303
    assert response.headers["Location"] == f"https://coop.example/authorize_interaction?uri={GROUP}"


async def test_the_server_is_remembered_where_only_we_can_read_it(moot, thread):
    """WEB-04"""
    response = await send(moot, remember="1")
    cookie = response.headers["Set-Cookie"]
    for word in ("__Host-home=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
    again = await moot.get(f"/interact?object={GROUP}&intent=follow", Cookie='__Host-home="ana@coop.example"')
    assert 'value="ana@coop.example"' in await again.text()
    assert again.headers["Cache-Control"] == "private, no-store"
    assert again.headers["Vary"] == "Accept, Cookie"
    assert "ETag" not in again.headers


async def test_who_does_not_want_to_be_remembered_is_forgotten(moot, thread):
    assert "Set-Cookie" not in (await send(moot)).headers
    response = await send(moot, headers={"Cookie": '__Host-home="ana@coop.example"'})
    assert "Max-Age=0" in response.headers["Set-Cookie"]


async def test_a_node_in_development_remembers_without_https(open_moot):
    moot = await open_moot(origin="http://moot.example", development=True)
    await moot.group()
    response = await send(moot, object="http://moot.example/g/commons", remember="1")
    assert response.headers["Set-Cookie"].startswith("home=")
    assert "Secure" not in response.headers["Set-Cookie"]


async def test_a_handle_that_is_none_is_given_back_with_its_reason(moot, thread):
    response = await send(moot, handle="ana at coop")
    source = await response.text()
    assert response.status == 422
    assert 'value="ana at coop"' in source
    assert 'aria-invalid="true" aria-describedby="handle-error handle-hint"' in source
    assert 'id="handle-error"' in source
    assert moot.network.asked == []


async def test_a_server_that_does_not_answer_is_said_at_the_field(moot, thread):
    response = await send(moot, handle="ana@silent.example")
    source = await response.text()
    assert response.status == 422
    assert "Nobody answers at silent.example." in source
    assert 'value="ana@silent.example"' in source


async def test_a_template_that_runs_is_never_a_link(moot, thread):
    """XSS-14, WEB-16"""
    for go in ("", "1"):
        response = await send(moot, handle="ana@liar.example", go=go)
        assert response.status == 422
        assert "javascript:" not in await response.text()
        assert "Location" not in response.headers


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https://evil.example/note",
        "javascript:alert(1)",
        "https://moot.example/g/cellar",
        "https://moot.example/g/none",
        "https://moot.example/g/commons\r\nX: y",
        "https://moot.example/g/commons\0",
        "https://coop.example/users/ana",
        "x" * 3000,
    ],
)
async def test_only_what_is_ours_and_public_can_be_answered(moot, thread, uri):
    """WEB-14, PRV-06"""
    await moot.group("cellar", privacy="secret")
    await moot.person("ana", host="coop.example")
    assert (await send(moot, object=uri, go="1")).status == 404
    asked = await moot.client.get("/interact", params={"object": uri, "intent": "follow"}, headers=HTML)
    assert asked.status == 404
    assert moot.network.asked == []


async def test_what_is_hidden_or_gone_cannot_be_answered(moot, thread):
    number = await moot.say(thread, 2, "Removed.", state="removed")
    assert (await send(moot, object=(await moot.item(thread, number)).uri, intent="reply")).status == 404


async def test_an_item_of_another_server_in_our_thread_can_be_answered(moot, thread):
    ana = await moot.person("ana", host="coop.example")
    uri = (await moot.item(thread, await moot.say(thread, ana, "Hours."))).uri
    assert (await send(moot, object=uri, intent="reply")).status == 200
    assert moot.network.asked == [("ana@coop.example", uri, "reply")]


async def test_an_intent_fits_its_object(moot, thread):
    uri = (await moot.item(thread, 0)).uri
    for asked, about, meant in (
        ("like", uri, "like"),
        ("follow", uri, "reply"),
        ("nonsense", uri, "reply"),
        ("like", GROUP, "follow"),
    ):
        await send(moot, object=about, intent=asked)
        assert moot.network.asked[-1][2] == meant


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_of_another_site_does_nothing(moot, thread, headers):
    """WEB-01"""
    response = await send(moot, headers=headers, remember="1")
    assert response.status == 403
    assert "Set-Cookie" not in response.headers
    assert moot.network.asked == []


async def test_our_own_form_is_taken(moot, thread):
    headers = {"Origin": "https://moot.example", "Sec-Fetch-Site": "same-origin"}
    assert (await send(moot, headers=headers)).status == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"handle=%ff%fe&object=%00", "application/x-www-form-urlencoded", 404),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=b", "application/x-www-form-urlencoded; charset=nonsense", 400),
    ],
)
async def test_a_body_that_is_no_form_is_refused(moot, thread, body, kind, status):
    response = await moot.client.post("/interact", data=body, headers=HTML | {"Content-Type": kind})
    assert response.status == status


@pytest.mark.parametrize(
    ("words", "handle"),
    [
        ("@ana@coop.example", "ana@coop.example"),
        ("  ana@Coop.Example ", "ana@coop.example"),
        ("acct:ana@coop.example", "ana@coop.example"),
        ("https://coop.example/@ana", "ana@coop.example"),
        ("https://coop.example/users/ana/", "ana@coop.example"),
        ("ana@127.0.0.1:4101", "ana@127.0.0.1:4101"),
        ("ana@bücher.example", "ana@bücher.example"),
        ("ana", None),
        ("coop.example", None),
        ("ana@coop.example/../x", None),
        ("ana@coop.example@evil.example", None),
        ("ana@evil.example#coop.example", None),
        ("ana@\nevil.example", None),
        ("@@", None),
        ("", None),
    ],
)
def test_a_handle_is_read_in_the_ways_people_write_it(words, handle):
    assert read_handle(words) == handle
