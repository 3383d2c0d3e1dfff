"""Applies changed source to the running program: diff, plan, patch or re-run, in one transaction."""
