"""The effects of every substitution by brute force, as a loop over mutants in PyTorch.

ism_probe.py prepare FOLDER             writes sequences.txt and probe.pt
ism_probe.py loop FOLDER                writes peer.npy, prints the CPU seconds of the loop
ism_probe.py compare FOLDER TOLERANCE   compares peer.npy with ours.npy

The loop is the usual one: for each position and letter a copy of the one-hot matrix, 256 copies a forward pass,
the logit of the mutant less that of the reference.
"""

import pathlib
import sys
import time

import numpy
import torch

SEQUENCES, LENGTH, HIDDEN, BATCH, LETTERS = 8, 2_000, 128, 256, "ACGT"


class Probe(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier = torch.nn.Linear(HIDDEN, 1)
        self.proj = torch.nn.Linear(len(LETTERS), HIDDEN)

    def forward(self, one_hot):
        return self.classifier(self.proj(one_hot).mean(dim=1)).squeeze(-1)


def prepare(folder):
    draw = numpy.random.default_rng(0)
    codes = draw.integers(len(LETTERS), size=(SEQUENCES, LENGTH))
    lines = ["".join(LETTERS[code] for code in row) for row in codes]
    (folder / "sequences.txt").write_text("\n".join(lines) + "\n")
    torch.manual_seed(0)
    weights = Probe().state_dict()
    # Effects of an untrained probe are so small that a tolerance says little.
    weights["proj.weight"] *= 10
    torch.save(weights, folder / "probe.pt")


def effects(probe, codes):
    one_hot = numpy.eye(len(LETTERS), dtype=numpy.float32)[codes]
    with torch.no_grad():
        reference = probe(torch.from_numpy(one_hot[None])).numpy()[0]
        mutants = []
        for position in range(LENGTH):
            for letter in range(len(LETTERS)):
                mutant = one_hot.copy()
                mutant[position] = 0
                mutant[position, letter] = 1
                mutants.append(mutant)
        mutants = numpy.stack(mutants)
        logits = [
            probe(torch.from_numpy(mutants[start : start + BATCH])).numpy()
            for start in range(0, len(mutants), BATCH)
        ]
    return (numpy.concatenate(logits) - reference).reshape(LENGTH, len(LETTERS))


def loop(folder):
    torch.set_num_threads(1)
    probe = Probe()
    probe.load_state_dict(torch.load(folder / "probe.pt", weights_only=True))
    probe.eval()
    lines = (folder / "sequences.txt").read_text().split()
    rows = [numpy.array([LETTERS.index(letter) for letter in line]) for line in lines]
    start = time.process_time()
    deltas = numpy.stack([effects(probe, codes) for codes in rows])
    work = time.process_time() - start
    numpy.save(folder / "peer.npy", deltas)
    print(f"{len(rows)} sequences of {LENGTH} bases")
    print(f"work {work:.6f}")


def compare(folder, tolerance):
    ours, peer = (numpy.load(folder / f"{name}.npy") for name in ("ours", "peer"))
    ours = ours.reshape(peer.shape)
    if not (numpy.isfinite(ours).all() and numpy.isfinite(peer).all()):
        sys.exit("an effect is not finite")
    apart = float(numpy.abs(ours.astype(float) - peer).max())
    largest = float(numpy.abs(ours).max())
    print(f"largest effect {largest:.3e}, largest difference {apart:.3e}, allowed {tolerance:.0e}")
    if apart > tolerance:
        sys.exit("the effects differ")


def main():
    task, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if task == "compare":
        compare(folder, float(sys.argv[3]))
    else:
        {"prepare": prepare, "loop": loop}[task](folder)


if __name__ == "__main__":
    main()
