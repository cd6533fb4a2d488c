"""Compares motifs with memelite; prints a checksum and the CPU seconds of comparing.

tomtom.py prepare GENOME FOLDER         writes seqlets.txt: 1,000 sequences of 8 to 25 letters of the genome, and
                                        seqlet.txt, the first of them
tomtom.py all MOTIFS                    each motif against each
tomtom.py pairs QUERIES TARGETS         each motif of a file against each of another
tomtom.py sequences FILE TARGETS        each sequence, one a line, as a one-hot matrix against each motif

The checksum is the number of pairs, the sum of their integer scores and their least p-value. Only comparing is timed,
with all that a call needs, on one thread, after a call on a small input, which compiles. With `--fresh` there is no
such call, so that the process costs what its user waits for; with `--compile` nothing compiled before is used either.
"""

import gzip
import os
import pathlib
import sys
import tempfile
import time

SEQLETS, SHORTEST, LONGEST, LETTERS = 1_000, 8, 25, "ACGT"


def prepare(genome, folder):
    import numpy

    with gzip.open(genome, "rt") as lines:
        next(lines)
        letters = "".join(line.strip() for line in lines).upper()
    draw = numpy.random.default_rng(0)
    seqlets = []
    while len(seqlets) < SEQLETS:
        width = int(draw.integers(SHORTEST, LONGEST + 1))
        start = int(draw.integers(len(letters) - width + 1))
        seqlet = letters[start : start + width]
        if set(seqlet) <= set(LETTERS):
            seqlets.append(seqlet)
    (folder / "seqlets.txt").write_text("\n".join(seqlets) + "\n")
    (folder / "seqlet.txt").write_text(seqlets[0] + "\n")


def read_motifs(path):
    from memelite.io import read_meme

    return list(read_meme(path).values())


def read_sequences(path):
    import numpy

    one_hot = numpy.eye(len(LETTERS))
    lines = pathlib.Path(path).read_text().split()
    return [one_hot[[LETTERS.index(letter) for letter in line]].T for line in lines]


def compare(arguments, warm_up):
    from memelite import tomtom

    task, paths = arguments[0], arguments[1:]
    if warm_up:
        few = read_motifs(paths[-1])[:30]
        tomtom(few[:2], few, n_jobs=1)
    start = time.process_time()
    queries = (read_sequences if task == "sequences" else read_motifs)(paths[0])
    targets = queries if task == "all" else read_motifs(paths[1])
    p_values, scores, *_ = tomtom(queries, targets, n_jobs=1)
    work = time.process_time() - start
    print(f"{p_values.size} {int(scores.sum())} {p_values.min():.9e}")
    if warm_up:
        print(f"work {work:.6f}")


def main():
    flags = {word for word in sys.argv[1:] if word.startswith("--")}
    arguments = [word for word in sys.argv[1:] if word not in flags]
    if arguments[0] == "prepare":
        prepare(*map(pathlib.Path, arguments[1:3]))
        return
    with tempfile.TemporaryDirectory() as folder:
        # numba reads this when it is imported.
        if "--compile" in flags:
            os.environ["NUMBA_CACHE_DIR"] = folder
        compare(arguments, not flags)


if __name__ == "__main__":
    main()
