"""A program that hosts jobs, as `python served.py start` and `reloadls run served.py start` run it.

Each job writes its steps to standard output, and lasts until the dispatch server ends it.
"""

from __future__ import annotations

import asyncio

from livekit.agents import AgentServer, JobContext, cli

from reloadls.pool.livekit import host_sessions

server = AgentServer(port=0, host="127.0.0.1", num_idle_processes=0)
pool = host_sessions(server, max_sessions=3)


@server.rtc_session(agent_name="served")
async def entrypoint(context: JobContext) -> None:
    """One job."""
    over = asyncio.Event()

    async def end(reason: str) -> None:
        print(f"end {context.job.id}", flush=True)
        over.set()

    context.add_shutdown_callback(end)
    print(f"begin {context.job.id}", flush=True)


if __name__ == "__main__":
    cli.run_app(server)
