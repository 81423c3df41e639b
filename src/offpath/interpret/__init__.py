"""What a network holds and looks at while it answers."""
