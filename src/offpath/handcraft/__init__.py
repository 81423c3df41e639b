"""Handcrafted networks that solve the task exactly, traced layer by layer and verified."""
