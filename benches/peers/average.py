"""Averages bigWig files with deepTools, bins of 50; prints the number of its intervals and the CPU seconds of the work.

average.py OUT TRACK…
"""

import sys
import time

from deeptools import bigwigAverage


def main():
    output, *tracks = sys.argv[1:]
    start = time.process_time()
    bigwigAverage.main(["-b", *tracks, "-o", output, "-of", "bedgraph", "-bs", "50", "-p", "1"])
    seconds = time.process_time() - start
    with open(output) as lines:
        print(sum(1 for _ in lines))
    print(f"work {seconds:.6f}")


if __name__ == "__main__":
    main()
