"""Compares two groups of rows in every column with scipy; prints a checksum and the CPU seconds of the work.

stats.py prepare FOLDER    writes NAME.npz with scores of 100,000 columns: halves (100 rows), few (50 rows) and ties
                           (100 rows, of a hundred or so distinct values)
stats.py columns NPZ N     one call for each 10,000 columns, the first N rows against the others
stats.py calls NPZ N       one call for each column

One thread.
"""

import pathlib
import sys
import time

COLUMNS, AT_A_TIME = 100_000, 10_000


def prepare(folder):
    import numpy

    draw = numpy.random.default_rng(0)
    numpy.savez(folder / "halves.npz", scores=draw.normal(size=(100, COLUMNS)))
    numpy.savez(folder / "few.npz", scores=draw.normal(size=(50, COLUMNS)))
    numpy.savez(folder / "ties.npz", scores=numpy.round(draw.normal(size=(100, COLUMNS)), 1))


def compare(task, path, n_first):
    import numpy
    from scipy.stats import mannwhitneyu

    scores = numpy.load(path)["scores"]
    if task == "calls":
        scores = numpy.ascontiguousarray(scores.T)
    u, p = 0.0, 0.0
    start = time.process_time()
    if task == "calls":
        for column in scores:
            found = mannwhitneyu(column[:n_first], column[n_first:])
            u, p = u + found.statistic, p + found.pvalue
    else:
        for begin in range(0, COLUMNS, AT_A_TIME):
            part = scores[:, begin : begin + AT_A_TIME]
            found = mannwhitneyu(part[:n_first], part[n_first:], axis=0)
            u, p = u + found.statistic.sum(), p + found.pvalue.sum()
    work = time.process_time() - start
    print(f"{u:.1f} {p:.6f}")
    print(f"work {work:.6f}")


def main():
    task, path = sys.argv[1], pathlib.Path(sys.argv[2])
    if task == "prepare":
        prepare(path)
    else:
        compare(task, path, int(sys.argv[3]))


if __name__ == "__main__":
    main()
