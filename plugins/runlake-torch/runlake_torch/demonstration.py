"""The loop that newcomers write: small pictures of bars, a convolutional network, a few epochs, and a test after each."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

__all__ = ["train"]


class Net(nn.Module):
    """Tells pictures apart."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(channels * 16, 3))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """A score for each class."""
        return self.head(self.features(pictures))  # type: ignore[no-any-return]  # a module gives anything


def pictures(count: int) -> TensorDataset:
    """Of 8 x 8 points: a row, a column or a diagonal in noise."""
    labels, places = torch.randint(3, (count,)), torch.randint(8, (count, 1))
    across = torch.arange(8).expand(count, 8)
    rows = torch.where(labels.unsqueeze(1) == 0, places, across)
    columns = torch.where(labels.unsqueeze(1) == 1, places, (across + places * (labels.unsqueeze(1) == 2)) % 8)
    found = 0.4 * torch.randn(count, 8, 8)
    found[torch.arange(count).unsqueeze(1), rows, columns] += 1
    return TensorDataset(found.unsqueeze(1), labels)


def train(epochs: int = 4) -> None:
    """Nothing in it speaks of recording."""
    torch.manual_seed(0)
    train_data, test_data = random_split(pictures(1200), [1000, 200])
    train_loader, test_loader = DataLoader(train_data, batch_size=50, shuffle=True), DataLoader(test_data, batch_size=200)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for _ in range(epochs):
        model.train()
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types there
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        scheduler.step()
        test(model, test_loader)


@torch.no_grad()
def test(model: nn.Module, loader: DataLoader[tuple[torch.Tensor, ...]]) -> float:
    """How many of the pictures it tells right."""
    model.eval()
    right = sum(int((model(inputs).argmax(1) == labels).sum()) for inputs, labels in loader)
    return right / len(loader.dataset)  # type: ignore[arg-type]  # this one has a length
