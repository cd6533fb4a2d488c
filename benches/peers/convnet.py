"""Networks of convolutions in PyTorch, forward and in training: the cases of benches/convnet.rs."""

import json
import os
import sys
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)
BATCH, FORWARD, STEPS = 64, 10, 60


def one_hot(n, length):
    return nn.functional.one_hot(torch.randint(4, (n, length)), 4).transpose(1, 2).float()


def forward():
    net = nn.Sequential(
        nn.Conv1d(4, 300, 19, padding=9), nn.ReLU(), nn.MaxPool1d(3),
        nn.Conv1d(300, 200, 11, padding=5), nn.ReLU(), nn.MaxPool1d(4),
        nn.Conv1d(200, 200, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4),
        nn.Flatten(), nn.Linear(8200, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 164), nn.Sigmoid(),
    ).eval()
    x = one_hot(BATCH, 2000)
    with torch.inference_mode():
        net(x)
        start = time.process_time()
        for _ in range(FORWARD):
            net(x)
    print(f"case 64 sequences of 2000 letters forward: {(time.process_time() - start) / FORWARD}")


def layer(said):
    op = said["op"]
    if op == "conv1d":
        return nn.Conv1d(said["in"], said["out"], said["kernel"], padding=said.get("padding", 0), bias=said.get("bias", True))
    if op == "batch_norm":
        return nn.BatchNorm1d(said["channels"])
    if op == "max_pool":
        return nn.MaxPool1d(said["kernel"])
    if op == "linear":
        return nn.Linear(said["in"], said["out"])
    return {"relu": nn.ReLU, "flatten": nn.Flatten, "dropout": lambda: nn.Dropout(said["p"])}[op]()


def training():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "regulatory", "promoters.json"), encoding="utf-8") as file:
        config = json.load(file)
    net = nn.Sequential(*[layer(said) for said in config["layers"]])
    x = one_hot(BATCH * STEPS, 150)
    y = x[:, 1::2, 75].sum(1, keepdim=True)
    start = time.process_time()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.01)
    loss_of = nn.BCEWithLogitsLoss()
    for rows in torch.randperm(BATCH * STEPS).split(BATCH):
        optimizer.zero_grad()
        loss_of(net(x[rows]), y[rows]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    print(f"case a step of 64 promoters: {(time.process_time() - start) / STEPS}")


{"forward": forward, "training": training}[sys.argv[1]]()
