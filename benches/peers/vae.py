"""Updates of DeepSequence's model in PyTorch: the cases of benches/vae.rs."""

import sys
import time

import torch
from torch.nn.functional import log_softmax, one_hot, softplus

torch.set_num_threads(1)
torch.manual_seed(1)
LENGTH, LETTERS, BATCH, PATTERNS, NEFF, UPDATES = 253, 20, 100, 4, 2605.0, 20
ENCODER, Z, DECODER, CONV = {
    "full": ([1500, 1500], 30, [100, 2000], 40),
    "small": ([200], 20, [50, 160], 20),
}[sys.argv[1]]
SCALE_MEAN, SCALE_SD = -12.360929, 4.0

points, means, log_sds, priors = {}, {}, {}, {}


def glorot(inputs, outputs):
    return torch.randn(inputs, outputs) * (2.0 / (inputs + outputs)) ** 0.5


def point(name, value):
    points[name] = value.requires_grad_()


def posterior(name, mean, prior=(0.0, 1.0)):
    means[name] = mean.requires_grad_()
    log_sds[name] = torch.full_like(mean, -5.0).requires_grad_()
    priors[name] = prior


def layers(kind, add, sizes):
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        add(f"W_{kind}_{i}", glorot(inputs, outputs))
        add(f"b_{kind}_{i}", torch.full((outputs,), 0.1))


layers("encode", point, [LENGTH * LETTERS, *ENCODER])
for head, bias in [("hmu", 0.1), ("hsigma", -5.0)]:
    point(f"W_{head}", glorot(ENCODER[-1], Z))
    point(f"b_{head}", torch.full((Z,), bias))
layers("decode", posterior, [Z, *DECODER])
posterior("W_conv", glorot(CONV, LETTERS))
posterior("W_out", glorot(DECODER[-1], LENGTH * CONV))
posterior("b_out", torch.full((LENGTH * LETTERS,), 0.1))
posterior("W_out_scale", torch.zeros(DECODER[-1] // PATTERNS, LENGTH), (SCALE_MEAN, SCALE_SD))
posterior("temperature", torch.ones(1))


def objective(x):
    h = x.reshape(BATCH, -1)
    for i in range(len(ENCODER)):
        h = torch.relu(h @ points[f"W_encode_{i}"] + points[f"b_encode_{i}"])
    mean, log_sd = h @ points["W_hmu"] + points["b_hmu"], h @ points["W_hsigma"] + points["b_hsigma"]
    h = mean + log_sd.exp() * torch.randn_like(mean)
    drawn = {name: mean + log_sds[name].exp() * torch.randn_like(mean) for name, mean in means.items()}
    for i in range(len(DECODER)):
        h = h @ drawn[f"W_decode_{i}"] + drawn[f"b_decode_{i}"]
        h = torch.sigmoid(h) if i + 1 == len(DECODER) else torch.relu(h)
    units = DECODER[-1]
    out = (drawn["W_out"].reshape(units * LENGTH, CONV) @ drawn["W_conv"]).reshape(units, LENGTH, LETTERS)
    out = out * torch.sigmoid(drawn["W_out_scale"].repeat(PATTERNS, 1)[:, :, None])
    logits = (h @ out.reshape(units, -1) + drawn["b_out"]) * softplus(drawn["temperature"])
    likelihood = (x * log_softmax(logits.reshape(BATCH, LENGTH, LETTERS), -1)).sum((1, 2))
    latent = 0.5 * (1 + 2 * log_sd - mean**2 - torch.exp(2 * log_sd)).sum(1)
    cost = 0.0
    for name, mean in means.items():
        center, sd = priors[name]
        variance = torch.exp(2 * log_sds[name]) + (mean - center) ** 2
        cost = cost + (torch.log(torch.tensor(sd)) - log_sds[name] + 0.5 * variance / sd**2 - 0.5).sum()
    return (likelihood + latent).mean() - cost / NEFF


parameters = [*points.values(), *means.values(), *log_sds.values()]
optimizer = torch.optim.Adam(parameters, lr=1e-3, maximize=True, fused=True)
x = one_hot(torch.randint(LETTERS, (BATCH, LENGTH)), LETTERS).float()
seconds = []
for _ in range(UPDATES + 2):
    start = time.process_time()
    optimizer.zero_grad()
    objective(x).backward()
    optimizer.step()
    seconds.append(time.process_time() - start)
seconds = sorted(seconds[2:])
print(f"case an update of the {sys.argv[1]} network: {seconds[len(seconds) // 2]}")
