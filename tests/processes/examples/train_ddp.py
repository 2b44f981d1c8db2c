import torch
from torch.nn.parallel import DistributedDataParallel

import runlake

runlake.autolog()
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()

model = DistributedDataParallel(torch.nn.Linear(2, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(5):
    loss = model(torch.ones(4, 2)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    runlake.log_metric(f"rank {rank}/loss", loss, step)
torch.distributed.destroy_process_group()
