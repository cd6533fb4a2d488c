"""Makes the files of the benchmark `fasta`: plain with 80 and 1 letters a line, and bgzip.

fasta_prepare.py SOURCE FOLDER
"""

import gzip
import pathlib
import sys

import pysam


def write(path, records, width):
    with open(path, "w") as out:
        for name, letters in records:
            out.write(f">{name}\n")
            for start in range(0, len(letters), width):
                out.write(letters[start : start + width] + "\n")


def read(path):
    records = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith(">"):
                records.append((line[1:].split()[0], []))
            else:
                records[-1][1].append(line.strip())
    return [(name, "".join(parts)) for name, parts in records]


def main():
    source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    records = read(source)
    for width in (80, 1):
        path = folder / f"lines{width}.fa"
        write(path, records, width)
        pysam.faidx(str(path))
    zipped = str(folder / "lines80.fa.gz")
    pysam.tabix_compress(str(folder / "lines80.fa"), zipped, force=True)
    pysam.faidx(zipped)


if __name__ == "__main__":
    main()
