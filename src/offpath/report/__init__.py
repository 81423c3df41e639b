"""The result files of a run as tables for the terminal and as one offline page; loads no torch."""
