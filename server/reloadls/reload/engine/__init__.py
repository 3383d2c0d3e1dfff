"""Takes changed source up in the running program: diff, plan, patch or re-run, in one transaction."""
