"""Coming in by a mailed code, with a second factor, and being signed out from elsewhere."""

from __future__ import annotations

import base64
import re
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.async_api import expect

from tests.journeys.conftest import Arrive
from tests.journeys.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEP = 30  # seconds


async def test_a_mailed_code_lets_in(node: Running, arrive: Arrive, suffix: str) -> None:
    name = f"maeve{suffix}"
    await node.person(name, "Maeve Daly")
    maeve = await arrive(name)
    await maeve.go("/settings")  # a page of members: she is led to signing in, and from there back
    await maeve.fill("Handle or e-mail address", maeve.email)
    await maeve.press("Mail me a link instead")
    await maeve.sees_title("Look into your mail")
    mail = await maeve.mail("Sign in")
    await maeve.fill("Code", "000000" if mail.code != "000000" else "111111")
    await maeve.press("Go on")
    await maeve.sees("That is not the code.")
    await maeve.fill("Code", mail.code)
    await maeve.press("Go on")
    await maeve.sees_title("Settings")
    assert maeve.path == "/settings"


async def test_a_second_factor_is_set_up_and_asked_for(node: Running, arrive: Arrive, suffix: str) -> None:
    name = f"finn{suffix}"
    await node.person(name, "Finn Byrne")
    finn = await arrive(name, signed_in=True)
    await finn.go("/settings/security")
    await finn.follow("Set it up")
    await expect(finn.page.get_by_role("img", name="QR code")).to_be_visible()
    phone = Phone(await finn.page.locator("#app-secret").inner_text())
    await finn.fill("Code", phone.shows())
    await finn.press("Turn it on")
    await finn.sees_title("Recovery codes")
    recovery = await finn.page.locator("ul.codes code").all_inner_texts()
    await finn.follow("I have kept them")
    await finn.sees("On: after your password")

    await finn.open_browser()
    await finn.sign_in(until=re.compile("/sign-in/second$"))
    await finn.sees_title("Your second factor")
    await finn.fill("Code", phone.shows())
    await finn.press("Go on")
    await finn.sees("That is not the code.")  # it was used a moment ago
    await finn.fill("Code", phone.shows_next())
    await finn.press("Go on")
    await finn.page.wait_for_url(f"{node.origin}/")
    await finn.go("/settings/security")
    assert await finn.page.locator("#sessions ~ ul > li").count() == 2

    await finn.open_browser()
    await finn.sign_in(until=re.compile("/sign-in/second$"))
    await finn.fill("Code", recovery[0])  # the phone is lost
    await finn.press("Go on")
    await finn.go("/settings/security")
    await finn.sees(f"{len(recovery) - 1} recovery codes are left.")


async def test_signing_out_elsewhere_ends_the_other_browser(node: Running, arrive: Arrive, suffix: str) -> None:
    name = f"una{suffix}"
    await node.person(name, "Una Walsh")
    at_work = await arrive(name, signed_in=True)
    at_home = await arrive(name, signed_in=True)
    await at_work.go("/settings/account")
    await at_home.go("/settings/security")
    await at_home.press("Sign out there")
    await at_home.sees("Signed out there.")
    await expect(at_home.main.get_by_role("button", name="Sign out there")).to_have_count(0)
    await at_work.press("Save")
    await at_work.sees_title("Your words are still here")
    await at_work.page.goto(node.origin + "/settings")
    await at_work.sees_title("Sign in")
    await at_home.go("/settings")
    await at_home.sees_title("Settings")


class Phone:
    """An authenticator app with the secret that was typed into it."""

    def __init__(self, letters: str) -> None:
        plain = letters.replace(" ", "")
        self._codes = TOTP(base64.b32decode(plain + "=" * (-len(plain) % 8)), 6, SHA1(), STEP)
        self._at = int(time.time())

    def shows(self) -> str:
        """The code of the half minute in which the app was set up."""
        return self._codes.generate(self._at).decode()

    def shows_next(self) -> str:
        """The code of the half minute after it: a node takes that of a phone whose clock is a little ahead."""
        return self._codes.generate(self._at + STEP).decode()
