"""A guest goes by themselves."""

from __future__ import annotations

from storage.schema import Guest


async def test_a_guest_leaves_from_the_thread_and_does_not_see_it_any_more(moot):
    group = await moot.group(privacy="secret")
    ana, gus = await moot.person("ana"), await moot.person("gus")
    await moot.join(ana, group)
    thread = await moot.thread(group, ana, private=True)
    await moot.storage.write(
        lambda work: work.add(Guest(thread_id=thread, actor_id=gus, inviter_id=ana, joined_at=work.now))
    )
    path, guest, member = await moot.path(thread), await moot.sign_in(gus), await moot.sign_in(ana)
    button = (await guest.page(path)).one("button", name="act", value="leave")
    assert 'value="leave"' not in (await member.page(path)).source

    assert await guest.posted(button.get("formaction"), act="leave") == "/"

    assert (await guest.get(path)).status == 404
    assert (await guest.post(button.get("formaction"), act="leave")).status == 404
