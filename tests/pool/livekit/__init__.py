"""The adapter for LiveKit, over the real package: run in an environment of its own by `tests/pool/test_livekit.py`."""
