"""Many whole experiments: configurations times seeds, several at a time."""
