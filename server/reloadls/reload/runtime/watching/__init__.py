"""The files that the runtime watches, and how forked and spawned processes follow the first one."""
