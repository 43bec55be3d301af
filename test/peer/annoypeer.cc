/*-------------------------------------------------------------------------
 *
 * annoypeer.cc
 *	  The Annoy library, for tests of its files: builds and saves an index,
 *	  or loads one and tells what is in it.
 *
 * The library is two header files, which Debian has in r-cran-rcppannoy.
 *
 *	annoypeer build METRIC F N_TREES FILE		lines "id number ..." on stdin
 *	annoypeer items METRIC F FILE				prints lines of that form
 *	annoypeer search METRIC F FILE N SEARCH_K	lines "number ..." on stdin;
 *												prints the items of each
 *	annoypeer info METRIC F FILE				prints numbers of items, of
 *												trees, and bytes of a node
 *	annoypeer self METRIC F FILE				prints the largest distance
 *												of an item from itself
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/peer/annoypeer.cc
 *
 *-------------------------------------------------------------------------
 */
#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "kissrandom.h"
#include "annoylib.h"

/* Newer versions have a namespace. */
namespace Annoy
{
}
using namespace Annoy;

[[noreturn]] static void
fail(const char *what)
{
	fprintf(stderr, "annoypeer: %s\n", what);
	exit(1);
}

/* Numbers to the library's components and back: floats are what they are, ... */
static void
pack(const std::vector<float> &from, std::vector<float> &to)
{
	to = from;
}

static void
unpack(const std::vector<float> &from, std::vector<float> &to)
{
	to = from;
}

/* ... and bits are packed as the library's Python module does. */
static void
pack(const std::vector<float> &from, std::vector<uint64_t> &to)
{
	std::fill(to.begin(), to.end(), 0);
	for (size_t i = 0; i < from.size(); i++)
		to[i / 64] |= (uint64_t) (from[i] > 0.5) << (i % 64);
}

static void
unpack(const std::vector<uint64_t> &from, std::vector<float> &to)
{
	for (size_t i = 0; i < to.size(); i++)
		to[i] = (from[i / 64] >> (i % 64)) & 1;
}

template<typename T, typename Distance> static void
run(const std::string &command, int dim, char **argv, int argc)
{
	typedef typename Distance::template Node<int32_t, T> Node;
	int			components = sizeof(T) == 8 ? (dim + 63) / 64 : dim;
	AnnoyIndex<int32_t, T, Distance, Kiss64Random,
			   AnnoyIndexSingleThreadedBuildPolicy> index(components);
	std::vector<T> vector(components);
	std::vector<float> numbers(dim);
	std::string line;

	if (command == "build" && argc == 2)
	{
		while (std::getline(std::cin, line))
		{
			std::istringstream in(line);
			int32_t		id;

			in >> id;
			for (float &number : numbers)
				in >> number;
			if (!in)
				fail("bad input");
			pack(numbers, vector);
			index.add_item(id, vector.data());
		}
		index.set_seed(1);
		if (!index.build(atoi(argv[0]), 1) || !index.save(argv[1]))
			fail("could not build and save");
		return;
	}

	if (argc < 1 || !index.load(argv[0]))
		fail("could not load");
	if (command == "info")
		printf("%d %d %zu\n", (int) index.get_n_items(), (int) index.get_n_trees(),
			   offsetof(Node, v) + sizeof(T) * components);
	else if (command == "items")
	{
		for (int32_t id = 0; id < index.get_n_items(); id++)
		{
			index.get_item(id, vector.data());
			unpack(vector, numbers);
			printf("%d", (int) id);
			for (float number : numbers)
				printf(" %.9g", number);
			printf("\n");
		}
	}
	else if (command == "self")
	{
		double		largest = 0;

		for (int32_t id = 0; id < index.get_n_items(); id++)
		{
			index.get_item(id, vector.data());
			/* absent ones are zeros, which are at a distance by cosine */
			if (std::any_of(vector.begin(), vector.end(), [](T x) { return x != 0; }))
				largest = std::max(largest, (double) index.get_distance(id, id));
		}
		printf("%g\n", largest);
	}
	else if (command == "search" && argc == 3)
	{
		while (std::getline(std::cin, line))
		{
			std::istringstream in(line);
			std::vector<int32_t> found;

			for (float &number : numbers)
				in >> number;
			if (!in)
				fail("bad input");
			pack(numbers, vector);
			index.get_nns_by_vector(vector.data(), atoi(argv[1]), atoi(argv[2]), &found, NULL);
			for (int32_t id : found)
				printf("%d ", (int) id);
			printf("\n");
		}
	}
	else
		fail("unknown command");
}

int
main(int argc, char **argv)
{
	if (argc < 5)
		fail("too few arguments");

	std::string command = argv[1];
	std::string metric = argv[2];
	int			dim = atoi(argv[3]);

	argv += 4;
	argc -= 4;
	if (metric == "angular")
		run<float, Angular>(command, dim, argv, argc);
	else if (metric == "euclidean")
		run<float, Euclidean>(command, dim, argv, argc);
	else if (metric == "manhattan")
		run<float, Manhattan>(command, dim, argv, argc);
	else if (metric == "dot")
		run<float, DotProduct>(command, dim, argv, argc);
	else if (metric == "hamming")
		run<uint64_t, Hamming>(command, dim, argv, argc);
	else
		fail("no such metric");
	return 0;
}
