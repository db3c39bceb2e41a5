"""The engine: kernel primitives, program to step, the online book, explanations."""
