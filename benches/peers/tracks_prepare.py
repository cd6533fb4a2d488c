"""Makes the tracks and regions of the benchmarks of signal.

tracks_prepare.py FOLDER writes `track.bw`, `rep1.bw` … `rep3.bw`, and `regions.bed`: a contig of 30 million bases, for
each track about half a million intervals of 5 to 79 bases of which 30 percent have been left out, and 1,000 windows of
114,688 bases.
"""

import pathlib
import sys

import numpy
import pyBigWig

LENGTH, WIDTH = 30_000_000, 114_688


def write(path, seed):
    random = numpy.random.default_rng(seed)
    ends = numpy.cumsum(random.integers(5, 80, LENGTH // 40))
    ends = ends[ends < LENGTH]
    starts = numpy.concatenate([[0], ends[:-1]])
    kept = random.random(len(ends)) > 0.3
    values = numpy.round(random.gamma(1.0, 5.0, kept.sum()), 3)
    track = pyBigWig.open(str(path), "w")
    track.addHeader([("chr1", LENGTH)])
    track.addEntries(["chr1"] * len(values), starts[kept].tolist(), ends=ends[kept].tolist(), values=values.tolist())
    track.close()


def main():
    folder = pathlib.Path(sys.argv[1])
    for seed, name in enumerate(["track", "rep1", "rep2", "rep3"]):
        path = folder / f"{name}.bw"
        if not path.is_file():
            write(path, seed)
    random = numpy.random.default_rng(9)
    starts = numpy.sort(random.integers(0, LENGTH - WIDTH, 1000))
    lines = [f"chr1\t{start}\t{start + WIDTH}\n" for start in starts]
    (folder / "regions.bed").write_text("".join(lines))


if __name__ == "__main__":
    main()
