"""The program: our rules, between the doors."""

VERSION = "0.1.0"
