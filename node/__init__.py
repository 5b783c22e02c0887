"""The program: our rules, between the doors."""

VERSION = "0.2.0"
