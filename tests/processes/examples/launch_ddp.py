import os
import subprocess
import sys

import runlake

with runlake.start_run(run_name="two ranks") as run:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, "train_ddp.py"], env=os.environ | run.env(), check=True)
