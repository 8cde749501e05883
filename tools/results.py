# SPDX-License-Identifier: MIT
"""Result files of tools/bench: one JSON object a line, one line a run. And what is made of them.

A run is known by KEY: what was asked for, and all that its figures depend on. So files of several
machines, or of several kernels, can be put together with cat.
"""

import collections
import hashlib
import json
import lzma
import math
import os
import re
import struct

ASKED = ("workload", "footprint_pct", "disk", "words", "seed")
# Figures can be compared only among runs that have these in common. The kernel stands for the
# compiler too; QEMU counts the instructions, and the data disk is made of packaged files.
IDENTITY = ("mem_mib", "append", "kernel", "qemu", "data")
KEY = ASKED + IDENTITY


class BadResults(Exception):
    """What is wrong with a result file, for the user."""


def key_of(row):
    return tuple(row[name] for name in KEY)


def cell_of(row):
    return row["workload"], row["footprint_pct"], row["disk"]


def cell_name(cell):
    return "{} {} % {}".format(*cell)


# ---------------------------------------------------------------- files


def parse(path, lines):
    """The rows. A last line cut short is what a killed run leaves, and is not counted."""
    rows, lines = [], list(lines)
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            key_of(row)
        except (ValueError, TypeError, KeyError) as error:
            if number < len(lines) or line.endswith("\n"):
                raise BadResults(f"{path}:{number}: not a result: {error!r}") from error
        else:
            rows.append(row)
    return rows


def merge(rows):
    """By key. The same run twice is one run, and must have given the same."""
    found = {}
    for row in rows:
        if found.setdefault(key_of(row), row) != row:
            raise BadResults("two results of the same run differ: "
                             + json.dumps(found[key_of(row)]) + " and " + json.dumps(row))
    return found


def check_same_work(rows):
    """A workload of one size and seed does the same under every policy, or times mean nothing.

    It has happened: files that could not be opened for want of memory were passed over in silence.
    """
    found = {}
    for row in rows:
        if row["status"] != "ok":
            continue
        work = row.get("ops"), row.get("checked_bytes")
        first, first_work = found.setdefault((row["workload"], row["footprint_pct"], row["seed"]), (row, work))
        if work != first_work:
            raise BadResults("runs that did not do the same work (operations, bytes checked): " + "; ".join(
                f"{cell_name(cell_of(one))} {one['label']} seed {one['seed']} {of}"
                for one, of in ((first, first_work), (row, work))))


def adopt(rows, kernel, other):
    """Runs of the kernel, and of another one those that it would repeat to the byte.

    A change that one policy alone executes leaves the runs of all others as they were. It is not believed but
    seen: from the other kernel are taken the runs of a policy with a workload on a disk if both kernels have a run of these,
    and all that both have are the same.

    Returns all that count, and of each policy what became of the other kernel's runs: how many are taken, how many were
    repeated and are the same, are refused as others were repeated and differ, are refused as none was repeated.
    """
    def kin(row):
        return row["label"], row["workload"], row["disk"]

    taken = {key_of(row): row for row in rows if row["kernel"] == kernel}
    theirs = [{**row, "kernel": kernel} for row in rows if row["kernel"] == other]
    shared = [(taken[key_of(row)], row) for row in theirs if key_of(row) in taken]
    differ = {kin(mine) for mine, row in shared if mine != row}
    proven = {kin(mine) for mine, _ in shared} - differ
    counts = {}
    for row in theirs:
        count = counts.setdefault(row["label"], collections.Counter())
        if kin(row) not in proven:
            count["differ" if kin(row) in differ else "unseen"] += 1
        elif key_of(row) in taken:
            count["same"] += 1
        else:
            count["taken"] += 1
            taken[key_of(row)] = row
    return list(taken.values()), counts


def with_also(rows, kernel, others):
    """The kernel's rows and what it may take of the others, the first of them first. And lines that say so."""
    found, said = [row for row in rows if row["kernel"] == kernel], []
    for other in others:
        found, counts = adopt([*found, *(row for row in rows if row["kernel"] == other)], kernel, other)
        for label, count in sorted(counts.items()):
            if count["taken"]:
                said.append(f"{label}: {count['taken']} runs of kernel {other}; "
                            f"{count['same']} were repeated with {kernel}, all the same")
            for why, text in (("differ", "those repeated differ"), ("unseen", "none was repeated")):
                if count[why]:
                    said.append(f"{label}: not {count[why]} runs of kernel {other}: {text}")
    return found, said


def rows_of(path):
    """The rows of a file; one named .xz is packed, as a sweep is kept with the document about it."""
    try:
        with lzma.open(path, "rt") if path.endswith(".xz") else open(path) as lines:
            return parse(path, lines)
    except (lzma.LZMAError, EOFError) as error:
        raise BadResults(f"{path}: not packed by xz, or not whole: {error}") from error


def load(path):
    """All runs of a file by key; none if there is no such file."""
    try:
        return merge(rows_of(path))
    except FileNotFoundError:
        return {}


def append(path, row):
    """At once on disk; opened each time, so that a rewrite meanwhile loses nothing."""
    with open(path, "a") as out:
        out.write(json.dumps(row) + "\n")
        out.flush()
        os.fsync(out.fileno())


def write(path, rows):
    """Sorted: the same runs are the same bytes. Appears whole or not at all."""
    new = f"{path}.new"
    with open(new, "w") as out:
        for row in sorted(rows, key=lambda row: tuple(map(str, key_of(row)))):
            out.write(json.dumps(row) + "\n")
    os.replace(new, path)


# ---------------------------------------------------------------- what a figure depends on


def kernel_identity(path):
    """A kernel by its bytes in memory, without the string that says which commit it is."""
    with open(path, "rb") as file:
        image = file.read()
    table, = struct.unpack_from("<Q", image, 40)
    size, count, names = struct.unpack_from("<HHH", image, 58)
    sections = [struct.unpack_from("<IIQQQQ", image, table + n * size) for n in range(count)]
    digest = hashlib.sha256()
    for name, kind, flags, address, offset, length in sections:
        at = sections[names][4] + name
        title = image[at:image.index(b"\0", at)]
        if flags & 2 and title != b".version":  # SHF_ALLOC
            digest.update(struct.pack("<QQ", address, length))
            digest.update(image[offset:offset + length] if kind != 8 else b"")  # SHT_NOBITS
    return digest.hexdigest()[:16]


def file_identity(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()[:16]


# ---------------------------------------------------------------- arithmetic and tables


def numbers(name, text):
    """What an option says: 1-3 or 1,2,7; each once."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
        if not match:
            raise ValueError(f"--{name} {text}: not numbers, as 1-3 or 1,2,3")
        found += range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1)
    return list(dict.fromkeys(found))


def geomean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def spread_pct(values):
    """How far apart the seeds are: the slowest over the fastest."""
    return (max(values) / min(values) - 1) * 100


def standard_error_pct(ratios):
    """Of their geometric mean, in percent of it; None for a single one, of which nobody knows."""
    logs = [math.log(ratio) for ratio in ratios]
    if len(logs) < 2:
        return None
    mean = sum(logs) / len(logs)
    return 100 * math.sqrt(sum((log - mean) ** 2 for log in logs) / (len(logs) - 1) / len(logs))


def table(titles, rows, left=1, markdown=False):
    """Lines of a table: the first columns to the left, figures to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    if markdown:
        marks = ["---" if n < left else "---:" for n in range(len(titles))]
        return ["| " + " | ".join(row) + " |" for row in [titles, marks, *rows]]
    widths = [max(len(row[n]) for row in [titles, *rows]) for n in range(len(titles))]
    return ["  ".join(cell.ljust(width) if n < left else cell.rjust(width)
                      for n, (cell, width) in enumerate(zip(row, widths))).rstrip()
            for row in [titles, *rows]]
