"""Someone's page: who they are and what they said in public."""


async def test_a_person_shows_what_they_said_in_public_and_nothing_else(moot):
    """PRV-09"""
    commons, cellar = await moot.group(), await moot.group("cellar", privacy="secret")
    liam = await moot.person("liam", "Liam Moran", summary="<p>Gardener.</p>")
    greg = await moot.person("greg", "Greta Castell")
    public = await moot.thread(commons, liam, "In the open")
    secret = await moot.thread(cellar, greg, "Under the ground")
    private = await moot.thread(commons, greg, "Behind the door", private=True)
    answered = await moot.say(public, greg, "Yes?")
    await moot.say(public, liam, "Yes.", to=answered)
    await moot.say(secret, liam, "Whisper.")
    await moot.say(private, liam, "Murmur.")
    await moot.say(public, liam, "Removed words.", state="removed")
    page = await moot.page("/u/liam")
    assert page.text(page.one("h1")) == "Liam Moran"
    assert "Gardener." in page.text()
    assert "Replied to Greta Castell" in page.text()
    assert [page.text(title) for title in page.all("h3")] == ["In the open #2", "In the open"]
    for hidden in ("Whisper", "Murmur", "Under the ground", "Behind the door", "Removed words"):
        assert hidden not in page.source


async def test_people_of_other_servers_have_no_page_here(moot):
    await moot.person("ana", host="coop.example")
    assert (await moot.get("/u/ana")).status == 404


async def test_who_left_is_gone_and_who_is_suspended_is_not_there(moot):
    await moot.person("old", state="deleted")
    await moot.person("mallory", state="suspended")
    assert (await moot.get("/u/old")).status == 410
    assert (await moot.get("/u/mallory")).status == 404


async def test_who_does_not_want_to_be_found_is_not_indexed(moot):
    await moot.person("shy", indexable=False)
    await moot.person("bold")
    assert (await moot.page("/u/shy")).meta("robots") == "noindex"
    assert (await moot.page("/u/bold")).meta("robots") is None


async def test_who_said_nothing_yet_leads_to_the_groups(moot):
    await moot.person("new")
    page = await moot.page("/u/new")
    assert page.all("a", href="/#groups")
