/*-------------------------------------------------------------------------
 *
 * vectors.c
 *	  TEXMEX files, exact distances and exact neighbours for annoybench.
 *
 * A TEXMEX file is a sequence of records, all little-endian: the dimension as
 * int32, then that many uint8 (.bvecs), float32 (.fvecs) or int32 (.ivecs).
 * Files are mapped, and everything in them is checked when they are opened,
 * so that a damaged or hostile file ends in an error message and nothing
 * else.
 *
 * All distances are computed in double precision from the vectors' images: a
 * vector itself, scaled to unit length for cosine, zeroes and ones for
 * hamming.  They do not depend on what the server says.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  test/bench/vectors.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vectors.h"

/* A record longer than this is taken for garbage. */
#define MAX_DIM			65536

/* Independent sums per distance, so that the compiler can use vectors. */
#define LANES			8

/* Bytes of base vectors that brute force compares with all queries in turn. */
#define BLOCK_BYTES		(128 * 1024)

#define CACHE_MAGIC		UINT64_C(0x31747462796f6e61)

/* Head of a cache file; k row numbers (int32) for each query follow. */
typedef struct CacheHeader
{
	uint64_t	magic;			/* also tells the byte order */
	uint64_t	fingerprint;	/* of both sets of vectors and the metric */
	int64_t		queries;
	int64_t		k;
} CacheHeader;

typedef struct Neighbour
{
	double		distance;
	int32_t		row;
} Neighbour;

/* One thread's share of a brute-force search: queries first .. last - 1. */
typedef struct Search
{
	const VectorFile *base;
	const double *images;		/* of all queries */
	Metric		metric;
	int			k;
	int64_t		first;
	int64_t		last;
	Neighbour  *found;			/* k for each query, of all queries */
	pthread_t	thread;
} Search;

void
fatal(int code, const char *fmt,...)
{
	va_list		args;

	fprintf(stderr, "annoybench: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(code);
}

void *
allocate(size_t count, size_t size)
{
	void	   *result = calloc(count > 0 ? count : 1, size);

	if (result == NULL)
		fatal(EXIT_SYSTEM, "out of memory");
	return result;
}

static uint32_t
get_le32(const unsigned char *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 |
		(uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static const unsigned char *
record(const VectorFile *file, int64_t row)
{
	return file->data + (size_t) row * file->stride;
}

/*
 * Maps a file whose kind, told by its name, must be one of "kinds", and checks
 * it.  A max_rows other than 0 leaves the rows after that many out; with
 * "exact", there must be that many.
 */
void
vectors_open(VectorFile *file, const char *path, const char *kinds,
			 int64_t max_rows, int exact)
{
	const char *dot = strrchr(path, '.');
	struct stat st;
	void	   *map;
	int			fd;
	uint32_t	dim;

	if (dot == NULL || strlen(dot) != 6 || strcmp(dot + 2, "vecs") != 0 ||
		strchr(kinds, dot[1]) == NULL)
		fatal(EXIT_FILES, "\"%s\" should be a file of type .%cvecs%s",
			  path, kinds[0], kinds[1] != '\0' ? " or .bvecs" : "");
	file->path = path;
	file->kind = dot[1];

	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) != 0)
		fatal(EXIT_FILES, "could not open \"%s\": %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		fatal(EXIT_FILES, "\"%s\" is not a regular file", path);
	if (st.st_size < 4)
		fatal(EXIT_FILES, "\"%s\" is truncated: it has only %lld bytes",
			  path, (long long) st.st_size);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fatal(EXIT_FILES, "could not map \"%s\": %s", path, strerror(errno));
	close(fd);
	file->data = map;

	dim = get_le32(file->data);
	if (dim < 1 || dim > MAX_DIM)
		fatal(EXIT_FILES, "\"%s\" claims vectors of %ld dimensions",
			  path, (long) (int32_t) dim);
	file->dim = dim;
	file->stride = 4 + (size_t) dim * (file->kind == 'b' ? 1 : 4);
	if (st.st_size % file->stride != 0)
		fatal(EXIT_FILES, "\"%s\" is truncated: %lld bytes are not a multiple of %zu, the size of a record of %d dimensions",
			  path, (long long) st.st_size, file->stride, file->dim);
	file->rows = st.st_size / file->stride;
	if (exact && file->rows < max_rows)
		fatal(EXIT_FILES, "\"%s\" has only %lld rows, not %lld",
			  path, (long long) file->rows, (long long) max_rows);
	if (max_rows > 0 && file->rows > max_rows)
		file->rows = max_rows;
	if (file->rows > INT32_MAX)
		fatal(EXIT_FILES, "\"%s\" has more than %d rows", path, INT32_MAX);

	for (int64_t row = 0; row < file->rows; row++)
	{
		const unsigned char *p = record(file, row);

		if (get_le32(p) != dim)
			fatal(EXIT_FILES, "row %lld of \"%s\" claims %ld dimensions, not %d",
				  (long long) row, path, (long) (int32_t) get_le32(p),
				  file->dim);
		if (file->kind != 'f')
			continue;
		/* An exponent of all ones is infinity or NaN. */
		for (int i = 0; i < file->dim; i++)
			if ((get_le32(p + 4 + 4 * (size_t) i) & 0x7f800000) == 0x7f800000)
				fatal(EXIT_FILES, "row %lld of \"%s\" has an infinite component or NaN",
					  (long long) row, path);
	}
}

static inline float
component(const VectorFile *file, const unsigned char *vector, int i)
{
	uint32_t	bits;
	float		result;

	if (file->kind == 'b')
		return vector[i];
	bits = get_le32(vector + 4 * (size_t) i);
	memcpy(&result, &bits, sizeof(result));
	return result;
}

/*
 * Reads one vector as it is.  Not for .ivecs.
 */
void
vectors_read(const VectorFile *file, int64_t row, float *out)
{
	const unsigned char *vector = record(file, row) + 4;

	for (int i = 0; i < file->dim; i++)
		out[i] = component(file, vector, i);
}

/*
 * Reads the image of one vector under the metric, see above.  A zero vector
 * stays zero.  Not for .ivecs.
 */
void
vectors_image(const VectorFile *file, int64_t row, Metric metric, double *out)
{
	const unsigned char *vector = record(file, row) + 4;
	int			dim = file->dim;

	for (int i = 0; i < dim; i++)
		out[i] = component(file, vector, i);

	if (metric == METRIC_HAMMING)
	{
		for (int i = 0; i < dim; i++)
			out[i] = out[i] > 0.5 ? 1.0 : 0.0;
	}
	else if (metric == METRIC_COSINE)
	{
		double		norm = 0.0;

		for (int i = 0; i < dim; i++)
			norm += out[i] * out[i];
		norm = sqrt(norm);
		for (int i = 0; i < dim && norm > 0.0; i++)
			out[i] /= norm;
	}
}

static double
sum_lanes(const double *lanes)
{
	return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
		((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

static double
sum_squares(const double *x, const double *y, int dim)
{
	double		lanes[LANES] = {0};
	double		sum;
	int			i;

	for (i = 0; i + LANES <= dim; i += LANES)
		for (int j = 0; j < LANES; j++)
			lanes[j] += (x[i + j] - y[i + j]) * (x[i + j] - y[i + j]);
	sum = sum_lanes(lanes);
	for (; i < dim; i++)
		sum += (x[i] - y[i]) * (x[i] - y[i]);
	return sum;
}

static double
sum_products(const double *x, const double *y, int dim)
{
	double		lanes[LANES] = {0};
	double		sum;
	int			i;

	for (i = 0; i + LANES <= dim; i += LANES)
		for (int j = 0; j < LANES; j++)
			lanes[j] += x[i + j] * y[i + j];
	sum = sum_lanes(lanes);
	for (; i < dim; i++)
		sum += x[i] * y[i];
	return sum;
}

static double
sum_differences(const double *x, const double *y, int dim)
{
	double		lanes[LANES] = {0};
	double		sum;
	int			i;

	for (i = 0; i + LANES <= dim; i += LANES)
		for (int j = 0; j < LANES; j++)
			lanes[j] += fabs(x[i + j] - y[i + j]);
	sum = sum_lanes(lanes);
	for (; i < dim; i++)
		sum += fabs(x[i] - y[i]);
	return sum;
}

/*
 * The distance of two images, as the operator defines it.
 */
double
vectors_distance(Metric metric, const double *x, const double *y, int dim)
{
	switch (metric)
	{
		case METRIC_L2:
			return sqrt(sum_squares(x, y, dim));
		case METRIC_COSINE:
			return 1.0 - sum_products(x, y, dim);
		case METRIC_IP:
			return -sum_products(x, y, dim);
		case METRIC_L1:
			return sum_differences(x, y, dim);
		case METRIC_HAMMING:
			return sum_squares(x, y, dim);
	}
	return NAN;					/* not reached */
}

/*
 * Is a distance at most "limit", the error of the arithmetic aside?
 *
 * The relative tolerance forgives what a server computes in single precision.
 * Cosine distances near zero are differences of numbers near one, so they
 * need an absolute tolerance as well.
 */
int
vectors_no_farther(Metric metric, double distance, double limit)
{
	return distance <= limit + 1e-6 * fabs(limit) +
		(metric == METRIC_COSINE ? 1e-14 : 0.0);
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/*
 * Turns k_rows row numbers per query into the k smallest distances of each.
 * Whoever made the list may have rounded, so it is sorted afresh.
 */
static void
truth_measure(Truth *truth, const int32_t *rows, int k_rows,
			  const VectorFile *base, const VectorFile *queries, Metric metric,
			  int k)
{
	double	   *query = allocate(base->dim, sizeof(double));
	double	   *vector = allocate(base->dim, sizeof(double));
	double	   *distances = allocate(k_rows, sizeof(double));

	truth->k = k;
	truth->distances = allocate((size_t) queries->rows * k, sizeof(double));
	for (int64_t q = 0; q < queries->rows; q++)
	{
		vectors_image(queries, q, metric, query);
		for (int i = 0; i < k_rows; i++)
		{
			vectors_image(base, rows[q * k_rows + i], metric, vector);
			distances[i] = vectors_distance(metric, query, vector, base->dim);
		}
		qsort(distances, k_rows, sizeof(double), compare_doubles);
		memcpy(truth->distances + q * k, distances, k * sizeof(double));
	}
	free(query);
	free(vector);
	free(distances);
}

/*
 * Takes the neighbours from an .ivecs file of row numbers, counted from 0.
 */
void
truth_from_file(Truth *truth, const VectorFile *neighbours,
				const VectorFile *base, const VectorFile *queries,
				Metric metric, int k)
{
	int			listed = neighbours->dim;
	int32_t    *rows;

	if (listed < k)
		fatal(EXIT_FILES, "\"%s\" lists only %d neighbours of each query, not %d",
			  neighbours->path, listed, k);
	if (neighbours->rows < queries->rows)
		fatal(EXIT_FILES, "\"%s\" has the neighbours of %lld queries, not %lld",
			  neighbours->path, (long long) neighbours->rows,
			  (long long) queries->rows);

	rows = allocate((size_t) queries->rows * listed, sizeof(int32_t));
	for (int64_t q = 0; q < queries->rows; q++)
	{
		const unsigned char *p = record(neighbours, q) + 4;

		for (int i = 0; i < listed; i++)
		{
			int32_t		row = (int32_t) get_le32(p + 4 * (size_t) i);

			if (row < 0 || row >= base->rows)
				fatal(EXIT_FILES, "\"%s\" names row %d as a neighbour of query %lld, but the base has rows 0 to %lld",
					  neighbours->path, row, (long long) q,
					  (long long) base->rows - 1);
			rows[q * listed + i] = row;
		}
	}
	truth_measure(truth, rows, listed, base, queries, metric, k);
	free(rows);
}

/*
 * Puts a neighbour in the place of the farthest one of a full max-heap.
 */
static void
replace_farthest(Neighbour *heap, int k, Neighbour neighbour)
{
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= k)
			break;
		if (child + 1 < k && heap[child + 1].distance > heap[child].distance)
			child++;
		if (heap[child].distance <= neighbour.distance)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = neighbour;
}

static void *
search_thread(void *arg)
{
	Search	   *search = arg;
	const VectorFile *base = search->base;
	size_t		dim = base->dim;
	int			k = search->k;
	int64_t		block = BLOCK_BYTES / (dim * sizeof(double)) + 1;
	double	   *vectors = allocate(block * dim, sizeof(double));

	for (int64_t i = search->first * k; i < search->last * k; i++)
		search->found[i].distance = INFINITY;

	for (int64_t start = 0; start < base->rows; start += block)
	{
		int64_t		count = base->rows - start;

		if (count > block)
			count = block;
		for (int64_t i = 0; i < count; i++)
			vectors_image(base, start + i, search->metric, vectors + i * dim);
		for (int64_t q = search->first; q < search->last; q++)
		{
			const double *query = search->images + q * dim;
			Neighbour  *heap = search->found + q * k;

			for (int64_t i = 0; i < count; i++)
			{
				Neighbour	neighbour;

				neighbour.distance = vectors_distance(search->metric, query,
													  vectors + i * dim, dim);
				neighbour.row = start + i;
				if (neighbour.distance < heap[0].distance)
					replace_farthest(heap, k, neighbour);
			}
		}
	}
	free(vectors);
	return NULL;
}

/*
 * Compares every query with every base vector.  Returns k row numbers for each
 * query, in no order.
 */
static int32_t *
brute_force(const VectorFile *base, const VectorFile *queries, Metric metric,
			int k, int threads)
{
	double	   *images = allocate((size_t) queries->rows * base->dim,
								  sizeof(double));
	Neighbour  *found = allocate((size_t) queries->rows * k, sizeof(Neighbour));
	Search	   *searches = allocate(threads, sizeof(Search));
	int32_t    *rows = allocate((size_t) queries->rows * k, sizeof(int32_t));

	for (int64_t q = 0; q < queries->rows; q++)
		vectors_image(queries, q, metric, images + q * base->dim);
	for (int i = 0; i < threads; i++)
	{
		Search	   *search = &searches[i];

		search->base = base;
		search->images = images;
		search->metric = metric;
		search->k = k;
		search->first = queries->rows * i / threads;
		search->last = queries->rows * (i + 1) / threads;
		search->found = found;
		if (pthread_create(&search->thread, NULL, search_thread, search) != 0)
			fatal(EXIT_SYSTEM, "could not start a thread");
	}
	for (int i = 0; i < threads; i++)
		pthread_join(searches[i].thread, NULL);

	for (int64_t i = 0; i < queries->rows * k; i++)
		rows[i] = found[i].row;
	free(images);
	free(found);
	free(searches);
	return rows;
}

/*
 * Mixes the records of a file into a hash.
 */
static uint64_t
hash_file(uint64_t hash, const VectorFile *file)
{
	size_t		size = (size_t) file->rows * file->stride;
	size_t		i;

	hash = (hash ^ file->kind) * UINT64_C(0x100000001b3);
	for (i = 0; i < size; i += sizeof(uint64_t))
	{
		uint64_t	word = 0;
		size_t		left = size - i;

		memcpy(&word, file->data + i, left < sizeof(word) ? left : sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

/*
 * Reads a cache file.  Returns NULL if there is none, or if it belongs to
 * other data.  A file that is not a cache at all is an error, because the
 * caller would go on to replace it.
 */
static int32_t *
cache_read(const char *path, const CacheHeader *wanted, int64_t base_rows,
		   int *k)
{
	FILE	   *file = fopen(path, "rb");
	CacheHeader header;
	int32_t    *rows;
	size_t		count;

	if (file == NULL)
	{
		if (errno == ENOENT)
			return NULL;
		fatal(EXIT_FILES, "could not open \"%s\": %s", path, strerror(errno));
	}
	if (fread(&header, sizeof(header), 1, file) != 1 ||
		header.magic != wanted->magic)
		fatal(EXIT_FILES, "\"%s\" is not a cache of exact neighbours", path);
	if (header.fingerprint != wanted->fingerprint ||
		header.queries != wanted->queries ||
		header.k < wanted->k || header.k > base_rows)
	{
		fclose(file);
		return NULL;
	}

	count = (size_t) header.queries * header.k;
	rows = allocate(count, sizeof(int32_t));
	if (fread(rows, sizeof(int32_t), count, file) != count ||
		fgetc(file) != EOF)
		fatal(EXIT_FILES, "the cache \"%s\" is damaged: remove it", path);
	for (size_t i = 0; i < count; i++)
		if (rows[i] < 0 || rows[i] >= base_rows)
			fatal(EXIT_FILES, "the cache \"%s\" is damaged: remove it", path);
	fclose(file);
	*k = header.k;
	return rows;
}

/*
 * Writes a cache file, under another name first so that none is ever half
 * written.
 */
static void
cache_write(const char *path, const CacheHeader *header, const int32_t *rows)
{
	size_t		count = (size_t) header->queries * header->k;
	char	   *temporary = allocate(strlen(path) + 5, 1);
	FILE	   *file;
	int			ok;

	sprintf(temporary, "%s.tmp", path);
	file = fopen(temporary, "wb");
	if (file == NULL)
		fatal(EXIT_FILES, "could not create \"%s\": %s", temporary,
			  strerror(errno));
	ok = fwrite(header, sizeof(*header), 1, file) == 1 &&
		fwrite(rows, sizeof(int32_t), count, file) == count;
	if (fclose(file) != 0 || !ok || rename(temporary, path) != 0)
		fatal(EXIT_FILES, "could not write \"%s\": %s", path, strerror(errno));
	free(temporary);
}

/*
 * Finds the neighbours by brute force, unless the cache file, if one is named,
 * has them already.
 */
void
truth_compute(Truth *truth, const VectorFile *base, const VectorFile *queries,
			  Metric metric, int k, int threads, const char *cache)
{
	CacheHeader header = {0};
	int32_t    *rows = NULL;
	int			k_rows = k;

	if (cache != NULL)
	{
		header.magic = CACHE_MAGIC;
		header.fingerprint = hash_file(hash_file(metric, base), queries);
		header.queries = queries->rows;
		header.k = k;
		rows = cache_read(cache, &header, base->rows, &k_rows);
	}
	if (rows == NULL)
	{
		rows = brute_force(base, queries, metric, k, threads);
		if (cache != NULL)
			cache_write(cache, &header, rows);
	}
	truth_measure(truth, rows, k_rows, base, queries, metric, k);
	free(rows);
}
