"""The empty handler: an aiohttp application that reads what came and answers nothing; no node can be faster."""

from __future__ import annotations

import argparse
import asyncio
import sys

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """202 to a POST, 200 to everything else."""
    await request.read()
    return web.Response(status=202 if request.method == "POST" else 200)


async def serve(port: int) -> None:
    """Until the process is ended."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    sys.exit(asyncio.run(serve(parser.parse_args().port)))
