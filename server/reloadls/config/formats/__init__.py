"""Parsers that know where each value stands: text in, a part out. Pure."""
