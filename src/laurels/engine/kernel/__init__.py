"""Kernel primitives: rounding, calendar, windows, lots, holds, grants, returns.

Each is an ordinary documented function over integers and indexable sequences. The generated step
calls them by name; machine code is compiled from the same sources.
"""
