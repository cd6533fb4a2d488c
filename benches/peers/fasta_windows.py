"""Reads windows of a FASTA file with a peer; prints the sum of their codes and the CPU seconds of reading.

fasta_windows.py PEER FASTA WINDOWS, where a line of WINDOWS is contig, start and end, 0-based and half-open.

Only the peer's reading is timed: opening the file is not, nor is the sum, which shows that all have read the same.
"""

import sys
import time

PEER, FASTA, WINDOWS = sys.argv[1:4]


def reader():
    if PEER == "pysam":
        import pysam

        return pysam.FastaFile(FASTA).fetch
    import pyfaidx

    genome = pyfaidx.Fasta(FASTA, as_raw=True, sequence_always_upper=True)
    return lambda contig, start, end: genome[contig][start:end]


def main():
    windows = []
    with open(WINDOWS) as lines:
        for line in lines:
            contig, start, end = line.split("\t")
            windows.append((contig, int(start), int(end)))
    fetch = reader()
    start = time.process_time()
    texts = [fetch(*window) for window in windows]
    work = time.process_time() - start
    codes = {"A": 0, "C": 1, "G": 2, "T": 3}
    total = 0
    for text in texts:
        text = text.upper()
        known = sum(text.count(letter) for letter in codes)
        total += sum(code * text.count(letter) for letter, code in codes.items()) + 4 * (len(text) - known)
    print(total)
    print(f"work {work:.6f}")


if __name__ == "__main__":
    main()
