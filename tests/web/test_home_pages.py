"""The home page: the node, its public groups and what is talked about."""


async def test_the_home_page_lists_public_groups_and_threads(moot):
    group = await moot.group()
    ana = await moot.person("ana")
    await moot.thread(group, ana, "How do we begin?")
    page = await moot.page("/")
    assert page.text(page.one("h1")) == "The Moot"
    assert [page.text(link) for link in page.all("h3")] == ["Commons Transition", "How do we begin?"]
