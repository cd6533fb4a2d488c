"""Every substitution of one sequence through networks of convolutions, by tangermeme's exact fast path, and its
DeepLIFT attribution, by tangermeme's deep_lift_shap.

ism_conv.py run FOLDER         prints the CPU seconds of a first and a second run, writes peer.npy
ism_conv.py attribute FOLDER   the same for the attribution, writes peer-attribution.npy
ism_conv.py compare FOLDER     prints how far the changes in peer.npy and ours.npy are apart
ism_conv.py compare-attribution FOLDER   the same for the attributions

The folder holds what `ism_conv prepare` writes: config.json, model.safetensors, sequence.txt, references.txt and
positions.txt.
"""

import json
import pathlib
import sys
import time

import numpy
import torch
from torch import nn

LETTERS = "ACGT"


class Residual(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class GlobalMean(nn.Module):
    def forward(self, x):
        return x.mean(dim=-1)


def layer(said, weights):
    op = said["op"]
    if op == "residual":
        return Residual([layer(inner, weights) for inner in said["layers"]])
    if op == "conv1d":
        made = nn.Conv1d(said["in"], said["out"], said["kernel"], padding=said["padding"], dilation=said["dilation"])
        made.bias.data.zero_()
    elif op == "linear":
        made = nn.Linear(said["in"], said["out"])
    elif op == "batch_norm":
        made = nn.BatchNorm1d(said["channels"], eps=said["eps"])
        for name in ["running_mean", "running_var"]:
            getattr(made, name).data = torch.from_numpy(weights[f"{said['name']}.{name}"])
    elif op == "max_pool":
        return nn.MaxPool1d(said["kernel"])
    else:
        return {"relu": nn.ReLU, "flatten": nn.Flatten, "global_mean": GlobalMean}[op]()
    made.weight.data = torch.from_numpy(weights[said["name"] + ".weight"])
    if said["name"] + ".bias" in weights:
        made.bias.data = torch.from_numpy(weights[said["name"] + ".bias"])
    return made


def read_weights(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    weights = {}
    for name, said in header.items():
        begin, end = (8 + size + offset for offset in said["data_offsets"])
        weights[name] = numpy.frombuffer(data[begin:end], dtype="<f4").reshape(said["shape"]).copy()
    return weights


def network(folder):
    config = json.loads((folder / "config.json").read_text())
    weights = read_weights(folder / "model.safetensors")
    layers = [said for said in config["layers"] + config["heads"][-1]["layers"] if said["op"] != "dropout"]
    return nn.Sequential(*[layer(said, weights) for said in layers]).eval()


def codes_of(letters):
    return torch.tensor([LETTERS.index(letter) for letter in letters])


def attribute(folder):
    from tangermeme.deep_lift_shap import deep_lift_shap

    torch.set_num_threads(1)
    net = network(folder)
    one_hot = lambda letters: nn.functional.one_hot(codes_of(letters), 4).t().float()
    x = one_hot((folder / "sequence.txt").read_text().strip())[None]
    references = torch.stack([one_hot(line) for line in (folder / "references.txt").read_text().split()])[None]
    for name in ["first", "warm"]:
        begin = time.process_time()
        found = deep_lift_shap(net, x, target=0, references=references, device="cpu", warning_threshold=1)
        print(f"case {name}: {time.process_time() - begin}", flush=True)
    numpy.save(folder / "peer-attribution.npy", found[0].t().numpy())


def run(folder):
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    torch.set_num_threads(1)
    net = network(folder)
    codes = torch.stack([codes_of(line) for line in (folder / "sequence.txt").read_text().split()])
    start, end = map(int, (folder / "positions.txt").read_text().split())
    one_hot = nn.functional.one_hot(codes, 4).transpose(1, 2).float()
    for name in ["first", "warm"]:
        begin = time.process_time()
        reference, mutants = saturation_mutagenesis(
            net, one_hot, start=start, end=end, raw_outputs=True, device="cpu", fast=True, batch_size=32
        )
        print(f"case {name}: {time.process_time() - begin}", flush=True)
    # Sequence by sequence, position by position, each with the letters that are not its own.
    rows = [
        mutants[n, letter, i - start] - reference[n]
        for n, own in enumerate(codes.tolist())
        for i in range(start, end)
        for letter in range(4)
        if letter != own[i]
    ]
    numpy.save(folder / "peer.npy", torch.stack(rows).numpy())


def compare(folder, what="", most=1e-3):
    ours, theirs = numpy.load(folder / f"ours{what}.npy"), numpy.load(folder / f"peer{what}.npy")
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    error = numpy.abs(ours - theirs).max() / numpy.abs(theirs).max()
    print(f"largest difference of both: {error:.1e} of the largest value")
    assert error < most, "the two did not compute the same"


if __name__ == "__main__":
    tasks = {
        "run": run,
        "attribute": attribute,
        "compare": compare,
        # Multipliers divide by differences of activations down to 1e-6, which in single precision have few digits.
        "compare-attribution": lambda folder: compare(folder, "-attribution", 1e-2),
    }
    tasks[sys.argv[1]](pathlib.Path(sys.argv[2]))
