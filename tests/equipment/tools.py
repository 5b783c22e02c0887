"""What to do when a tool that only tests need is not on this machine."""

import os
from typing import NoReturn

import pytest


def must_have_tools() -> bool:
    """Whether a missing tool is an error: so it is in CI, where nobody reads which tests were skipped."""
    return os.environ.get("CI", "").lower() in {"true", "1"} or os.environ.get("FOLKMOOT_REQUIRE_TOOLS") == "1"


def missing(what: str) -> NoReturn:
    """Skip the test with a line that says how to get the tool, or fail it in CI."""
    if must_have_tools():
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
