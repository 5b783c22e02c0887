"""What may be done here: the rules, one verb for every door."""
