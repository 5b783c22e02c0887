"""The program: our rules, between the doors."""
