"""One reload, all or nothing: attempt, plan, schedule, commit, and what is noted."""
