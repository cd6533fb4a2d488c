"""Scans a genome for motifs with a peer; prints the number of hits and the CPU seconds of scanning.

fimo.py prepare GENOME FOLDER MOTIFS    writes whole.fa, first.fa (its first 1,000,000 bases), weights.txt, warm.*
fimo.py PEER FOLDER MOTIFS FASTA MODE   PEER is memelite or moods; MODE is counts or rows

weights.txt holds for each motif a line of its name, width and score threshold, and a line for each position with the
weights of A, C, G and T: peers that know no p-values, or others, get the same weights and thresholds from it. Both
strands are scanned, and a hit has p < 1e-4. Only scanning is timed, with all that a call needs: reading the motifs
and the sequences, tables of p-values, and where rows are asked for, making them. A peer that is compiled when first
called is called on a small input before.
"""

import gzip
import pathlib
import sys
import time

import numpy

P_VALUE, EPS, BIN, FIRST = 1e-4, 1e-4, 0.1, 1_000_000


def write_fasta(path, name, letters):
    import pyfaidx

    with open(path, "w") as out:
        out.write(f">{name}\n")
        for start in range(0, len(letters), 80):
            out.write(letters[start : start + 80] + "\n")
    # memelite reads by index; making it is not timed.
    pyfaidx.Fasta(str(path))


def write_weights(path, motifs):
    from memelite.fimo import _pwm_to_mapping

    with open(path, "w") as out:
        for name, probabilities in motifs.items():
            weights = numpy.log2(probabilities + EPS) - numpy.log2(0.25)
            smallest, log_p = _pwm_to_mapping(weights, BIN)
            passing = numpy.flatnonzero(log_p < numpy.log2(P_VALUE))
            threshold = numpy.float32((passing[0] + smallest) * BIN) if len(passing) else numpy.float32("inf")
            # No peer should look for what cannot be.
            if weights.max(axis=0).sum() <= threshold:
                threshold = numpy.float32("inf")
            out.write(f"{name.replace(' ', '_')} {weights.shape[1]} {float(threshold)!r}\n")
            for column in weights.T:
                out.write(" ".join(repr(float(weight)) for weight in column) + "\n")


def read_weights(path):
    motifs = []
    with open(path) as lines:
        for line in lines:
            name, width, threshold = line.split()
            columns = [[float(word) for word in next(lines).split()] for _ in range(int(width))]
            motifs.append((name, float(threshold), columns))
    return motifs


def read_fasta(path):
    """The letters of a file of one record."""
    with open(path) as lines:
        next(lines)
        return "".join(line.strip() for line in lines)


def prepare(genome, folder, motifs):
    from memelite.io import read_meme, write_meme

    with gzip.open(genome, "rt") as lines:
        name = next(lines)[1:].split()[0]
        letters = "".join(line.strip() for line in lines).upper()
    if ">" in letters:
        sys.exit(f"{genome} has more than one record")
    write_fasta(folder / "whole.fa", name, letters)
    write_fasta(folder / "first.fa", name, letters[:FIRST])
    write_fasta(folder / "warm.fa", name, letters[:10_000])
    motifs = read_meme(str(motifs))
    write_weights(folder / "weights.txt", motifs)
    write_meme(str(folder / "warm.meme"), dict(list(motifs.items())[:3]))


def memelite(folder, motifs, fasta, mode):
    from memelite import fimo

    counts = mode == "counts"
    for return_counts in (True, False):
        fimo(str(folder / "warm.meme"), str(folder / "warm.fa"), threshold=P_VALUE, return_counts=return_counts)
    start = time.process_time()
    hits = fimo(motifs, fasta, threshold=P_VALUE, return_counts=counts)
    work = time.process_time() - start
    return int(hits.sum()) if counts else sum(len(table) for table in hits), work


def moods(folder, _, fasta, mode):
    import MOODS.scan

    motifs = [motif for motif in read_weights(folder / "weights.txt") if numpy.isfinite(motif[1])]
    start = time.process_time()
    letters = read_fasta(fasta)
    matrices, thresholds = [], []
    for _, threshold, columns in motifs:
        rows = [list(row) for row in zip(*columns)]
        matrices += [rows, [row[::-1] for row in rows[::-1]]]
        thresholds += [threshold, threshold]
    scanner = MOODS.scan.Scanner(7)
    scanner.set_motifs(matrices, [0.25] * 4, thresholds)
    found = scanner.scan(letters)
    if mode == "rows":
        # The hits are objects of C++ until they are asked for.
        found = [[(hit.pos, hit.score) for hit in hits] for hits in found]
    return sum(len(hits) for hits in found), time.process_time() - start


def main():
    task = sys.argv[1]
    if task == "prepare":
        prepare(*map(pathlib.Path, sys.argv[2:5]))
        return
    folder, motifs, fasta, mode = pathlib.Path(sys.argv[2]), *sys.argv[3:6]
    total, work = {"memelite": memelite, "moods": moods}[task](folder, motifs, fasta, mode)
    print(total)
    print(f"work {work:.6f}")


if __name__ == "__main__":
    main()
