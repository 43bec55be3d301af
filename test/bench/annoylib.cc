/*-------------------------------------------------------------------------
 *
 * annoylib.cc
 *	  Measures the Annoy library in process, in the format of annoybench.
 *
 * The library is two header files, which Debian has in r-cran-rcppannoy.  One
 * thread searches a forest built by one thread.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/annoylib.cc
 *
 *-------------------------------------------------------------------------
 */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "kissrandom.h"
#include "annoylib.h"

extern "C"
{
#include "vectors.h"
}

/* Newer versions have a namespace. */
namespace Annoy
{
}
using namespace Annoy;

typedef AnnoyIndexInterface<int32_t, float> Index;
template<typename Distance> using Forest =
	AnnoyIndex<int32_t, float, Distance, Kiss64Random,
			   AnnoyIndexSingleThreadedBuildPolicy>;

static const int k = 10;

static double
now()
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static Index *
create_index(Metric metric, int dim)
{
	switch (metric)
	{
		case METRIC_L2:
			return new Forest<Euclidean>(dim);
		case METRIC_COSINE:
			return new Forest<Angular>(dim);
		case METRIC_IP:
			return new Forest<DotProduct>(dim);
		case METRIC_L1:
			return new Forest<Manhattan>(dim);
		default:
			fatal(EXIT_USAGE, "no such metric");
	}
}

/*
 * Size of the index's file, which has to be written to be known.
 */
static long long
index_size(Index *index)
{
	char		path[] = "/tmp/annoylibXXXXXX";
	int			fd = mkstemp(path);
	struct stat st;

	/* the saved index is mapped, so that its file can go at once */
	if (fd < 0 || !index->save(path, true) || stat(path, &st) != 0)
		fatal(EXIT_SYSTEM, "could not save the index");
	close(fd);
	unlink(path);
	return st.st_size;
}

/*
 * The part of the k exact neighbours that was found, by distance.
 */
static double
recall(const std::vector<std::vector<int32_t>> &answers, Metric metric,
	   const VectorFile &base, const VectorFile &queries, const Truth &truth)
{
	std::vector<double> query(base.dim),
				vector(base.dim);
	int64_t		right = 0;

	for (int64_t q = 0; q < queries.rows; q++)
	{
		vectors_image(&queries, q, metric, query.data());
		for (int32_t row : answers[q])
		{
			vectors_image(&base, row, metric, vector.data());
			right += vectors_no_farther(metric,
										vectors_distance(metric, query.data(),
														 vector.data(), base.dim),
										truth.distances[q * k + k - 1]);
		}
	}
	return (double) right / (queries.rows * k);
}

int
main(int argc, char **argv)
{
	static const char *const metric_names[] = {"l2", "cosine", "ip", "l1"};
	int			metric = 0;

	if (argc != 10 && argc != 11)
		fatal(EXIT_USAGE, "usage: annoylib BASE QUERIES ROWS METRIC TRUTH TREES SEARCH_K,... PASSES CSV [MAX_QUERIES]");
	while (metric < 4 && strcmp(argv[4], metric_names[metric]) != 0)
		metric++;

	VectorFile	base,
				queries,
				neighbours;
	Truth		truth;

	vectors_open(&base, argv[1], "fb", atoll(argv[3]), 1);
	vectors_open(&queries, argv[2], "fb", argc > 10 ? atoll(argv[10]) : 0, 0);
	if (queries.dim != base.dim || k > base.rows)
		fatal(EXIT_FILES, "unfit files");

	std::string path = argv[5];

	if (path.size() > 6 && path.compare(path.size() - 6, 6, ".ivecs") == 0)
	{
		vectors_open(&neighbours, argv[5], "i", 0, 0);
		truth_from_file(&truth, &neighbours, &base, &queries, (Metric) metric, k);
	}
	else
		truth_compute(&truth, &base, &queries, (Metric) metric, k,
					  sysconf(_SC_NPROCESSORS_ONLN), argv[5]);

	int			trees = atoi(argv[6]);
	int			passes = atoi(argv[8]);
	FILE	   *csv = fopen(argv[9], "w");
	std::unique_ptr<Index> index(create_index((Metric) metric, base.dim));
	std::vector<float> vector(base.dim);

	if (csv == NULL)
		fatal(EXIT_FILES, "could not create \"%s\"", argv[9]);
	index->set_seed(1);

	double		start = now();

	for (int64_t row = 0; row < base.rows; row++)
	{
		vectors_read(&base, row, vector.data());
		index->add_item(row, vector.data());
	}
	index->build(trees, 1);

	double		build = now() - start;
	long long	size = index_size(index.get());

	printf("built annoylib, %d trees, in %.3f s, %.1f MB\n", trees, build, size / 1e6);
	fprintf(csv, "table,rows,dimensions,metric,load_s,build_s,index_bytes,"
			"k,queries,clients,setting,value,recall,returned,qps,"
			"mean_us,p50_us,p99_us,floor_us,p50_per_floor\n");
	fprintf(csv, "annoylib,%lld,%d,%s,,%.3f,%lld,,,,,,,,,,,,,\n",
			(long long) base.rows, base.dim, argv[4], build, size);

	std::vector<std::vector<float>> vectors(queries.rows, vector);
	std::vector<std::vector<int32_t>> answers(queries.rows);

	for (int64_t q = 0; q < queries.rows; q++)
		vectors_read(&queries, q, vectors[q].data());
	printf("search_k  %11s  %9s  %9s  %9s  %9s\n", "recall@10", "qps",
		   "mean us", "p50 us", "p99 us");
	for (char *value = strtok(argv[7], ","); value != NULL; value = strtok(NULL, ","))
	{
		std::vector<double> times;
		std::vector<double> fastest(queries.rows, INFINITY);
		double		fastest_sum = 0;
		double		sum = 0;

		/* the first pass does not count */
		for (int64_t i = 0; i < (passes + 1) * queries.rows; i++)
		{
			int64_t		q = i % queries.rows;

			start = now();
			answers[q].clear();
			index->get_nns_by_vector(vectors[q].data(), k, atoi(value),
									 &answers[q], NULL);
			if (i >= queries.rows)
			{
				times.push_back(1e6 * (now() - start));
				fastest[q] = std::min(fastest[q], times.back());
			}
		}
		for (double t : fastest)
			fastest_sum += t;
		for (double t : times)
			sum += t;
		std::sort(times.begin(), times.end());

		double		mean = sum / times.size();
		double		p50 = times[(times.size() - 1) / 2];
		double		p99 = times[(times.size() * 99 + 99) / 100 - 1];
		double		found = recall(answers, (Metric) metric, base, queries, truth);

		printf("%8s  %11.4f  %9.1f  %9.1f  %9.1f  %9.1f\n", value, found,
			   1e6 * queries.rows / fastest_sum, mean, p50, p99);
		fflush(stdout);
		fprintf(csv, "annoylib,%lld,%d,%s,,,%lld,%d,%lld,1,search_k,%s,%.6f,%d,%.1f,%.2f,%.2f,%.2f,,\n",
				(long long) base.rows, base.dim, argv[4], size, k,
				(long long) queries.rows, value, found, k,
				1e6 * queries.rows / fastest_sum, mean, p50, p99);
	}
	if (fclose(csv) != 0)
		fatal(EXIT_FILES, "could not write \"%s\"", argv[9]);
	return 0;
}
