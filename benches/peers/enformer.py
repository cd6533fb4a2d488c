"""One sequence through Enformer in PyTorch, and how close ours is: the case of benches/enformer.rs."""

import sys
import time

import numpy as np


def run(folder):
    import torch
    from enformer_pytorch import Enformer
    from safetensors.torch import load_file

    torch.set_num_threads(2)
    model = Enformer.from_hparams(use_checkpointing=False).eval()
    weights = load_file(f"{folder}/model.safetensors")
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected, unexpected
    assert all(name.startswith("_trunk.") or name.endswith("num_batches_tracked") for name in missing), missing
    del weights
    codes = torch.from_numpy(np.fromfile(f"{folder}/codes.bin", dtype=np.uint8).astype(np.int64))[None]
    with torch.inference_mode():
        start = time.process_time()
        found = model(codes, head="human")
        print(f"case window: {time.process_time() - start}")
    found.numpy().tofile(f"{folder}/theirs.bin")


def compare(folder):
    ours, theirs = (np.fromfile(f"{folder}/{name}.bin", dtype=np.float32) for name in ("ours", "theirs"))
    assert len(ours) == len(theirs) == 896 * 5313
    difference = np.abs(ours - theirs).max()
    print(f"largest difference of a number: {difference:.2e}, of numbers up to {theirs.max():.3f}")
    # Sums of thousands of products of single precision in another order, through 40 layers; the peer's basis of
    # positions is of single precision, too.
    assert difference < 1e-3


{"run": run, "compare": compare}[sys.argv[1]](sys.argv[2])
