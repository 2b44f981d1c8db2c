import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import runlake


def join(env: dict[str, str]) -> None:
    os.environ.update(env)


def work(n: int) -> None:
    runlake.log_metric("square", n * n, step=n)


if __name__ == "__main__":
    with runlake.start_run(run_name="a pool") as run:
        context = get_context("spawn")  # or "fork", or "forkserver"
        with ProcessPoolExecutor(2, context, initializer=join, initargs=(run.env(),)) as pool:
            list(pool.map(work, range(10)))
