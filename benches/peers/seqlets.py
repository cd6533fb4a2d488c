"""Calls seqlets and counts annotations with tangermeme; prints a checksum and the CPU seconds of the work.

seqlets.py prepare FOLDER       writes attributions.npz, 1,000 tracks of 2,000 positions, and annotations.txt, 100,000
                                lines of example, motif, start and end that do not overlap
seqlets.py recursive NPZ        the mean of warm calls
seqlets.py fresh NPZ            one call in a process in which nothing is warm
seqlets.py tfmodisco NPZ
seqlets.py pairs TABLE
seqlets.py spacing TABLE

One thread.
"""

import pathlib
import sys
import time

TRACKS, WIDTH, WARM = 1_000, 2_000, 10
EACH, MOTIFS, DISTANCE = 100, 200, 100


def prepare(folder):
    import numpy

    draw = numpy.random.default_rng(0)
    tracks = draw.laplace(0, 0.01, (TRACKS, WIDTH)).astype(numpy.float32)
    for track in tracks:
        for _ in range(4):
            width = int(draw.integers(6, 20))
            start = int(draw.integers(0, WIDTH - width))
            track[start : start + width] += draw.choice([1, 1, -1]) * draw.uniform(0.03, 0.15)
    numpy.savez(folder / "attributions.npz", attributions=tracks)
    lines = []
    for example in range(TRACKS):
        for place in range(EACH):
            start = place * 20 + int(draw.integers(0, 8))
            end = start + int(draw.integers(6, 13))
            lines.append(f"{example} {int(draw.integers(0, MOTIFS))} {start} {end}")
    (folder / "annotations.txt").write_text("\n".join(lines) + "\n")


def weighted(table, column):
    return int((table[column] * (table.example_idx + 1)).sum())


def call(task, path):
    import numpy
    import torch
    from tangermeme.seqlet import recursive_seqlets, tfmodisco_seqlets

    torch.set_num_threads(1)
    tracks = torch.from_numpy(numpy.load(path)["attributions"])
    function = tfmodisco_seqlets if task == "tfmodisco" else recursive_seqlets
    if task == "tfmodisco":
        function(tracks[:50])
    start = time.process_time()
    table = function(tracks)
    work = time.process_time() - start
    if task == "recursive":
        start = time.process_time()
        for _ in range(WARM):
            function(tracks)
        work = (time.process_time() - start) / WARM
    print(len(table), weighted(table, "start"), weighted(table, "end"))
    return work


def count(task, path):
    import numpy
    import torch
    from tangermeme.annotate import pairwise_annotations, pairwise_annotations_spacing

    torch.set_num_threads(1)
    table = torch.from_numpy(numpy.loadtxt(path, dtype=numpy.int64))
    start = time.process_time()
    if task == "pairs":
        counts = pairwise_annotations(table[:, :2], symmetric=False).numpy()
    else:
        counts = pairwise_annotations_spacing(table, DISTANCE, dtype=torch.int64, symmetric=False).numpy()
    work = time.process_time() - start
    first, second, *distance = numpy.nonzero(counts)
    numbers = counts[counts > 0]
    sums = [numbers.sum(), ((1000 * first + second) * numbers).sum()]
    print(*sums, *((each * numbers).sum() for each in distance))
    return work


def main():
    task, path = sys.argv[1], pathlib.Path(sys.argv[2])
    if task == "prepare":
        prepare(path)
        return
    work = count(task, path) if task in ("pairs", "spacing") else call(task, path)
    if task != "fresh":
        print(f"work {work:.6f}")


if __name__ == "__main__":
    main()
