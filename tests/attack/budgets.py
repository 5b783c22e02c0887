"""Prints what strangers can make a node fetch, hold and wait for: python -m tests.attack.budgets."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-s", "-n", "0", "tests/attack/test_budgets.py"]))
