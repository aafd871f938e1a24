#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A sparse least squares problem from real text: licence_terms.mtx.gz, licence_terms_rhs.mtx.gz.

    /usr/bin/python3 data/make_licence_terms.py     # Debian: base-files, which every system has

One row for each different clause of at least four words in the free licences that Debian keeps in
/usr/share/common-licenses, one column for each word that stands in at least 25 clauses, in
alphabetical order: how often the word stands in the clause. The right-hand side is 1 for clauses of
the GNU licences and -1 for the others: categories of text by linear least squares fit (Yang and
Chute, ACM Transactions on Information Systems 12 (1994)). No text can be read from the counts.

The texts are checked by their SHA-256, so the files are the same on every machine.
"""
import collections
import gzip
import hashlib
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent
TEXTS = pathlib.Path("/usr/share/common-licenses")
LEAST_WORDS, LEAST_CLAUSES = 4, 25
OTHERS = ("Apache-2.0", "Artistic", "BSD", "CC0-1.0", "MPL-1.1", "MPL-2.0")
GNU = ("GFDL-1.2", "GFDL-1.3", "GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3")
# of all texts in the order above
DIGEST = "704fc57e666a699cbfe8b828c0cc9b031d9d0fbcb8caa5a99d386f7e772b2d1f"


def clauses(text):
    """The words between marks, in small letters; headings end at an empty line."""
    for part in re.split(r"[.,;:!?()\"](?=\s)|\n\s*\n", text):
        words = tuple(re.findall(r"[a-z]+", part.lower()))
        if len(words) >= LEAST_WORDS:
            yield words


def write(path, lines):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(("\n".join(lines) + "\n").encode("ascii"))
    print(f"{path.name}: {path.stat().st_size} bytes")


def main():
    texts = [(TEXTS / name).read_bytes() for name in (*OTHERS, *GNU)]
    digest = hashlib.sha256(b"".join(texts)).hexdigest()
    if digest != DIGEST:
        raise SystemExit(f"{TEXTS} holds other texts than those of Debian 12: {digest}")
    category = {}  # a clause of several licences counts once, where it stands first
    for name, text in zip((*OTHERS, *GNU), texts):
        for words in clauses(text.decode("utf-8")):
            category.setdefault(words, 1 if name in GNU else -1)
    frequency = collections.Counter(word for words in category for word in set(words))
    terms = sorted(word for word, count in frequency.items() if count >= LEAST_CLAUSES)
    column = {word: j for j, word in enumerate(terms, 1)}
    entries = []
    for i, words in enumerate(category, 1):
        counts = collections.Counter(column[word] for word in words if word in column)
        entries += [f"{i} {j} {count}" for j, count in sorted(counts.items())]
    write(FOLDER / "licence_terms.mtx.gz",
          ["%%MatrixMarket matrix coordinate integer general",
           "% how often each word below stands in each clause of the free licences in Debian 12:",
           *("% " + " ".join(terms[k:k + 8]) for k in range(0, len(terms), 8)),
           f"{len(category)} {len(terms)} {len(entries)}", *entries])
    write(FOLDER / "licence_terms_rhs.mtx.gz",
          ["%%MatrixMarket matrix array integer general",
           "% 1: clause of a GNU licence, -1: of another",
           f"{len(category)} 1", *map(str, category.values())])


if __name__ == "__main__":
    main()
