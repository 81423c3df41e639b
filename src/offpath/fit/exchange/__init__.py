"""Weights in and out: layouts and files of other tools."""
