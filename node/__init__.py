"""The program: our rules, between the doors."""

VERSION = "0.3.0"
