"""Trains the k-mer autoencoder in PyTorch on one thread; prints the number of k-mers and the CPU seconds.

denoiser.py tensors BATCH EPOCHS FASTA     pairs encoded before the clock starts; batches by index; fused Adam
denoiser.py notebook BATCH EPOCHS FASTA    pairs made letter by letter in Python, a data loader, and the Hamming distance
                                           of each batch; all of it counts
"""

import gzip
import random
import sys
import time

import numpy
import torch
from torch import nn

K, NOISE, LETTERS = 31, 0.1, "ACGT"


def read(path):
    with gzip.open(path, "rt") as lines:
        return "".join(line.strip() for line in lines if not line.startswith(">"))


def autoencoder():
    widths = [124, 108, 93, 77, 62]
    layers = [nn.Flatten()]
    for inputs, outputs in zip(widths, widths[1:]):
        if outputs == 62:
            layers.append(nn.BatchNorm1d(inputs))
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    back = widths[::-1]
    for inputs, outputs in zip(back, back[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def tensors(sequence, batch, epochs):
    codes = numpy.searchsorted(list(LETTERS), list(sequence))
    clean = numpy.lib.stride_tricks.sliding_window_view(codes, K)
    draw = numpy.random.default_rng(1)
    wrong = draw.random(clean.shape) < NOISE
    noisy = (clean + wrong * draw.integers(1, 4, clean.shape)) % 4
    noisy = torch.from_numpy(numpy.eye(4, dtype=numpy.float32)[noisy])
    clean = torch.from_numpy(clean.copy())
    model = autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    start = time.process_time()
    for _ in range(epochs):
        for rows in torch.randperm(len(clean)).split(batch):
            optimizer.zero_grad()
            logits = model(noisy[rows]).view(-1, 4)
            nn.functional.cross_entropy(logits, clean[rows].view(-1)).backward()
            optimizer.step()
    return len(clean) * epochs, time.process_time() - start


def with_noise(kmer):
    noisy = list(kmer)
    for place, letter in enumerate(kmer):
        if random.random() < NOISE:
            noisy[place] = random.choice([other for other in LETTERS if other != letter])
    return "".join(noisy)


def one_hot(kmer):
    rows = [[float(letter == other) for other in LETTERS] for letter in kmer]
    return torch.tensor(numpy.array(rows), dtype=torch.float32)


def notebook(sequence, batch, epochs):
    start = time.process_time()
    kmers = [sequence[place : place + K] for place in range(len(sequence) - K + 1)]
    noisy = torch.stack([one_hot(with_noise(kmer)) for kmer in kmers])
    clean = torch.stack([one_hot(kmer) for kmer in kmers])
    pairs = torch.utils.data.TensorDataset(noisy, clean)
    loader = torch.utils.data.DataLoader(pairs, batch_size=batch, shuffle=True)
    model, criterion = autoencoder(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        loss_sum = wrong_sum = 0.0
        for noisy, clean in loader:
            optimizer.zero_grad()
            logits = model(noisy).view(-1, K, 4)
            target = clean.argmax(dim=2)
            loss = criterion(logits.reshape(-1, 4), target.view(-1))
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(noisy)
            wrong_sum += (logits.argmax(dim=2) != target).float().mean().item() * len(noisy)
    return len(kmers) * epochs, time.process_time() - start


if __name__ == "__main__":
    torch.set_num_threads(1)
    task, batch, epochs, path = sys.argv[1:]
    run = {"tensors": tensors, "notebook": notebook}[task]
    count, work = run(read(path), int(batch), int(epochs))
    print(f"{count} k-mers\nwork {work}")
