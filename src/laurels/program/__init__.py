"""The program document: schema, loader with positions, expressions, checks, versions."""
