"""Times memelite 0.5.0 on the jobs of the benchmark `tomtom` (numba's compilation excluded).

python tomtom.py FOLDER THREADS
"""

import sys
import time

import numpy
from memelite import tomtom
from memelite.io import read_meme

RUNS = 5


def seconds(queries, targets, **options):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        tomtom(queries, targets, **options)
        times.append(time.perf_counter() - start)
    times.sort()
    return times


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    jaspar = list(read_meme(f"{folder}/JASPAR2024.meme").values())
    h13 = list(read_meme(f"{folder}/H13CORE_meme_format.meme").values())
    random = numpy.random.default_rng(1)
    seqlets = [numpy.eye(4)[random.integers(0, 4, random.integers(8, 26))].T for _ in range(1000)]
    tomtom(jaspar[:8], jaspar, n_jobs=threads)
    tomtom(seqlets[:8], jaspar, n_jobs=threads, n_nearest=1)
    jobs = {
        "JASPAR2024 against itself": (jaspar, jaspar, {}),
        "H13CORE against JASPAR2024": (h13, jaspar, {}),
        "1,000 seqlets against JASPAR2024, nearest": (seqlets, jaspar, {"n_nearest": 1}),
        "one seqlet against JASPAR2024, nearest": (seqlets[:1], jaspar, {"n_nearest": 1}),
    }
    print("| job | least s | median s |\n|---|---|---|")
    for name, (queries, targets, options) in jobs.items():
        times = seconds(queries, targets, n_jobs=threads, **options)
        print(f"| {name} | {times[0]:.4f} | {times[RUNS // 2]:.4f} |", flush=True)


main()
