"""A node that runs, a browser, and people who use both; one of each for the tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.equipment.chromium import chromium
from tests.journeys.persons import Person
from tests.journeys.running import Running, running

SHOTS = Path(__file__).parents[2] / "test-output" / "journeys"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A node that anybody may sign up at, with an admin named keeper."""
    async with running(tmp_path_factory.mktemp("node"), sign_up="open") as node:
        await node.person("keeper", "Kit Keeper", admin=True)
        yield node


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Every journey is made with scripts, and again without."""
    return bool(request.param)


@pytest.fixture
def suffix(scripts: bool) -> str:
    """What tells the names of one journey from those of its second time."""
    return "" if scripts else "_plain"


Arrive = Callable[..., Awaitable[Person]]


@pytest_asyncio.fixture(loop_scope="module")
async def arrive(browser: Browser, node: Running, scripts: bool) -> AsyncIterator[Arrive]:
    """Lets people come to the node, each with a browser; they all leave at the end, and nothing went wrong in pages."""
    there: list[Person] = []

    async def come(name: str, *, at: Running | None = None, signed_in: bool = False, **given: Any) -> Person:
        person = Person(at or node, browser, name, **{"scripts": scripts, **given})
        there.append(await person.open_browser())
        if signed_in:
            await person.sign_in()
        return person

    yield come
    for person in there:
        await person.close_browser()
    assert [error for person in there for error in person.errors] == []
