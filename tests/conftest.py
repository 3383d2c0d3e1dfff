"""What all tests share."""

from __future__ import annotations

import signal
import sys

from hypothesis import HealthCheck, settings

# A fresh start in this process, to compare with, must not run bytecode of a file's state before the last save.
sys.dont_write_bytecode = True

# How long an example takes says nothing on a busy machine; each test has its hard timeout.
settings.register_profile("reloadls", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("reloadls")

# A shell lets what it runs in the background ignore Ctrl-C, nohup a hang-up, and children inherit that: the tests send
# both to them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
