# Copyright (c) 2026, the annoy developers

"""What the clients in Python have in common: vectors, and what the answer has to be."""

import math

ROWS = 5000
DIMENSIONS = 24
ASKED = 4242
WANTED = 10


def embedding(i):
    """Vector of row i: no two point the same way."""
    return [math.sin(i * (j + 1) * 0.37 + j * j) for j in range(DIMENSIONS)]


def literal(vector):
    """A vector as pgvector writes it."""
    return "[" + ",".join(map(str, vector)) + "]"


def column_type(kind):
    return "real[]" if kind == "real[]" else "vector({})".format(DIMENSIONS)


def opclass(kind):
    return "real_cosine_ops" if kind == "real[]" else "vector_cosine_ops"


def check(ids):
    """The nearest rows of row ASKED begin with that row."""
    ids = list(ids)
    assert len(ids) == WANTED, "{} rows in place of {}".format(len(ids), WANTED)
    assert ids[0] == ASKED, "row {} in place of {}".format(ids[0], ASKED)
