"""The command line: verbs, their options, and what the terminal shows."""
