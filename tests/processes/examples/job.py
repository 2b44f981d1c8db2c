import sys

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import runlake

runlake.autolog()
LogisticRegression(C=float(sys.argv[1]), max_iter=1000).fit(*load_iris(return_X_y=True))
