import os

from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import runlake


def train(c: float, env: dict[str, str]) -> None:
    os.environ.update(env)  # in each task: joblib goes on using its processes
    runlake.autolog()
    with runlake.start_run():  # joins the run that env names, and leaves it open
        x, y = load_iris(return_X_y=True)
        model = LogisticRegression(C=c, max_iter=1000).fit(x, y)
        runlake.log_metric("score", model.score(x, y), step=c)


if __name__ == "__main__":
    with runlake.start_run(run_name="three fits") as run:
        Parallel(n_jobs=2)(delayed(train)(c, run.env()) for c in (1, 10, 100))
