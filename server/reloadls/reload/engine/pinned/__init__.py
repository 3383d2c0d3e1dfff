"""Pinned sessions go on with old code beside the new: who runs which, and which changes have to wait."""
