"""A transformer, trained on one distribution and then on another."""
