"""`python -m runlake.jobs STORE`: a runner; with --finish what is pending once; with --work those that are named to it; else none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runlake import config, platform
from runlake.errors import RunlakeError

LEAVING_SECONDS = 10.0  # Python takes up to one to leave where much was imported, and half as long again beside another that begins


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runlake.jobs", description="Do the jobs that wait in a store.")
    parser.add_argument("store", type=Path)
    parser.add_argument("--after", type=int, metavar="PROCESS", help="begin when this process, which started this one, has ended")
    parser.add_argument("--idle", type=float, default=None, metavar="SECONDS", help="leave after this long with nothing to do")
    parser.add_argument("--limit", type=float, default=None, metavar="SECONDS", help="end a job that runs longer")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--finish", nargs="*", metavar="RUN_ID", help="do what these runs, or all, have pending, and leave")
    what.add_argument("--work", action="store_true", help="do in this process the jobs that standard input names, and answer each")
    what.add_argument("--publish", action="store_true", help="publish what waits into the open tables, and leave")
    what.add_argument("--index", action="store_true", help="bring the search cache up to date, and leave")
    parser.add_argument("--at-once", action="store_true", help="publish whatever else this machine does")
    return parser.parse_args()


def main() -> None:
    """Do what the arguments say."""
    given = _arguments()
    root = given.store.absolute()
    if given.finish is None and not given.work:
        platform.be_last()
    if given.after is not None:
        platform.await_end(given.after, LEAVING_SECONDS)
    from runlake.jobs.apart import LIMIT_SECONDS, work  # after giving way: they import Arrow
    from runlake.jobs.publishing import publish_here
    from runlake.jobs.runner import IDLE_SECONDS, finish, work_until_idle
    from runlake.read import open_store

    if given.index:
        from runlake.read.search.cache import bring_up_to_date
        from runlake.store.layout import Layout, check_usable

        check_usable(root)
        bring_up_to_date(Layout(root))
        return
    if given.publish:
        publish_here(root, at_once=given.at_once)
        return
    limit = LIMIT_SECONDS if given.limit is None else given.limit
    config.choose_store(root)
    if given.work:
        work(limit)
    elif given.finish is not None:
        for _ in finish(open_store(root), given.finish, limit):
            pass
    else:
        work_until_idle(root, IDLE_SECONDS if given.idle is None else given.idle, limit)


if __name__ == "__main__":
    try:
        main()
    except RunlakeError as error:
        sys.exit(f"runlake: {error}")
