"""Sums of bins over regions of a bigWig file with a peer; prints the sum over all bins and the CPU seconds of the work.

tracks.py PEER TRACK BED BINS, where PEER is pyBigWig (exact statistics), values (its values, summed by numpy) or
pybigtools. The last gives means over the covered bases, so that its sum is another.
"""

import sys
import time

import numpy

PEER, TRACK, BED, BINS = sys.argv[1:5]
BINS = int(BINS)


def main():
    with open(BED) as lines:
        regions = [line.split("\t")[:3] for line in lines]
    regions = [(contig, int(start), int(end)) for contig, start, end in regions]
    start = time.process_time()
    total = work(regions)
    seconds = time.process_time() - start
    print(f"{total:.0f}")
    print(f"work {seconds:.6f}")


def work(regions):
    total = 0.0
    if PEER == "pybigtools":
        import pybigtools

        with pybigtools.open(TRACK) as track:
            for contig, start, end in regions:
                width = (end - start) // BINS
                means = track.values(contig, start, end, bins=BINS, summary="mean", exact=True, fillna=None)
                total += float(numpy.nansum(means)) * width
        return total
    import pyBigWig

    with pyBigWig.open(TRACK) as track:
        for contig, start, end in regions:
            if PEER == "pyBigWig":
                sums = track.stats(contig, start, end, type="sum", nBins=BINS, exact=True)
                total += sum(value or 0.0 for value in sums)
            else:
                values = track.values(contig, start, end, numpy=True)
                total += float(numpy.nan_to_num(values).reshape(BINS, -1).sum(1, dtype=float).sum())
    return total


if __name__ == "__main__":
    main()
