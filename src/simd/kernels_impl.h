/*-------------------------------------------------------------------------
 *
 * kernels_impl.h
 *	  What the kernels for all instruction sets have in common, and the bodies
 *	  of those that the compiler vectorises well enough.
 *
 * Included once by the file of each instruction set, with KERNEL(name) giving
 * a function its name and KERNEL_TARGET its target attribute.  GNU C vectors
 * fix the order of all additions, so that every instance gives the same bits.
 * Vectors stay inside functions, because passing them would make the ABI depend
 * on the target.  WIDEN8(p) and WIDEN16(p) make floats of eight integers.  A file
 * may define them itself, as compilers do not always find the instruction.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/simd/kernels_impl.h
 *
 *-------------------------------------------------------------------------
 */

#ifndef WIDEN8
#define WIDEN8(p)	__builtin_convertvector(*(const v8b *) (p), v8f)
#define WIDEN16(p)	__builtin_convertvector(*(const v8s *) (p), v8f)
#endif

typedef float v4f __attribute__((vector_size(16), aligned(4), may_alias));
typedef float v8f __attribute__((vector_size(32), aligned(4), may_alias));
typedef double v4d __attribute__((vector_size(32), aligned(8), may_alias));
typedef int v4i __attribute__((vector_size(16), aligned(4), may_alias));
typedef int v8i __attribute__((vector_size(32), aligned(4), may_alias));
typedef int64 v4l __attribute__((vector_size(32), aligned(8), may_alias));
typedef unsigned char v4b __attribute__((vector_size(4), aligned(1), may_alias));
typedef short v8s __attribute__((vector_size(16), aligned(2), may_alias));
typedef signed char v8b __attribute__((vector_size(8), aligned(1), may_alias));

/*
 * A table's bytes hold sums of four components, each rounded: up to two more
 * than LUT_LEVELS, then.  Two of them must fit one byte, see kernels_avx2.c.
 * Points whose components are smaller than LUT_LEAST are taken for zero, as
 * their inverse might be infinite.
 */
#define LUT_LEVELS		125.0f
#define LUT_LEAST		1e-30f

/* Conversion to integers cuts off: to make it round, make numbers positive. */
#define LUT_SHIFT		256

#define SUM8(v) \
	((((v)[0] + (v)[4]) + ((v)[2] + (v)[6])) + \
	 (((v)[1] + (v)[5]) + ((v)[3] + (v)[7])))

/* The lanes of a v4f in another order. */
#ifdef __clang__
#define SHUFFLE4(v, a, b, c, d)	__builtin_shufflevector(v, v, a, b, c, d)
#else
#define SHUFFLE4(v, a, b, c, d)	__builtin_shuffle(v, (v4i) {a, b, c, d})
#endif

/*
 * Tiles of 16 bytes for the transposition of codes, side by side in a register: one,
 * unless the file defines more.  INTERLEAVE_LOW has the lower halves of two registers'
 * tiles, byte by byte in turn, INTERLEAVE_HIGH the upper ones; LOAD_TILES leaves out those
 * that begin behind the last byte.
 */
#ifndef LOAD_TILES
typedef uint8 Tiles __attribute__((vector_size(16), aligned(1), may_alias));

#ifdef __clang__
#define INTERLEAVE(a, b, ...)	__builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define INTERLEAVE(a, b, ...)	__builtin_shuffle(a, b, (Tiles) {__VA_ARGS__})
#endif
#define INTERLEAVE_LOW(a, b) \
	INTERLEAVE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH(a, b) \
	INTERLEAVE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOAD_TILES(p, n)		(*(const Tiles *) (p))
#define STORE_TILE(p, x, tile)	*(Tiles *) (p) = (x);
#endif

/* Factors of a block of entries; see annoy_page.h for the layout. */
typedef struct BlockFactors
{
	const float *offset;
	const float *slope;
	const uint16 *error;
} BlockFactors;

static inline BlockFactors
block_factors(const uint8 *block, const AnnoyScoring *scoring)
{
	int			code_bytes = scoring->planes * scoring->plane_bytes;
	BlockFactors f;

	f.offset = (const float *) (block + code_bytes * ANNOY_BLOCK_ENTRIES);
	f.slope = f.offset + ANNOY_BLOCK_ENTRIES;
	f.error = (const uint16 *) (f.slope + ANNOY_BLOCK_ENTRIES);
	return f;
}

/* A bit for each of the first entries of a block. */
static inline uint32
first_entries(int count)
{
	return count < ANNOY_BLOCK_ENTRIES ? (1U << count) - 1 : (1U << ANNOY_BLOCK_ENTRIES) - 1;
}

/* The entries that count of a block, whose first one has that number. */
static inline uint32
block_mask(const AnnoyScoring *scoring, int first)
{
	return scoring->masks == NULL ? (1U << ANNOY_BLOCK_ENTRIES) - 1 :
		scoring->masks[first / ANNOY_BLOCK_ENTRIES];
}

/*
 * Append the entries of a block that have their bit set in `mask' to hits[] and
 * scores[], and return the new number of hits.
 */
static inline int
append_hits(uint32 mask, int first, const float *block_scores, int nhits,
			uint16 *hits, float *scores)
{
	while (mask != 0)
	{
		int			j = pg_rightmost_one_pos32(mask);

		hits[nhits] = first + j;
		scores[nhits] = block_scores[j];
		nhits++;
		mask &= mask - 1;
	}
	return nhits;
}

/*
 * How a shuffle of bytes makes a table of four components, given as 32-bit
 * integers: component k goes to the bytes whose number has bit k set, and
 * nothing to the others.
 */
static const uint8 component_bytes[4][16] = {
	{128, 0, 128, 0, 128, 0, 128, 0, 128, 0, 128, 0, 128, 0, 128, 0},
	{128, 128, 4, 4, 128, 128, 4, 4, 128, 128, 4, 4, 128, 128, 4, 4},
	{128, 128, 128, 128, 8, 8, 8, 8, 128, 128, 128, 128, 8, 8, 8, 8},
	{128, 128, 128, 128, 128, 128, 128, 128, 12, 12, 12, 12, 12, 12, 12, 12}
};

KERNEL_TARGET static float
KERNEL(l2) (const float *x, const float *y, int n)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			d0 = *(const v8f *) (x + i) - *(const v8f *) (y + i);
		v8f			d1 = *(const v8f *) (x + i + 8) - *(const v8f *) (y + i + 8);

		sum0 += d0 * d0;
		sum1 += d1 * d1;
	}
	sum0 += sum1;
	return SUM8(sum0);
}

/*
 * Four sums at once keep a processor busy while each of their additions waits for the
 * one before.
 */
#ifndef OWN_L2_FOUR
KERNEL_TARGET static void
KERNEL(l2_four) (const float *x, const float *const *y, int n, float *distances)
{
	const float *y0 = y[0];
	const float *y1 = y[1];
	const float *y2 = y[2];
	const float *y3 = y[3];
	v8f			even0 = {0};
	v8f			odd0 = {0};
	v8f			even1 = {0};
	v8f			odd1 = {0};
	v8f			even2 = {0};
	v8f			odd2 = {0};
	v8f			even3 = {0};
	v8f			odd3 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			a = *(const v8f *) (x + i);
		v8f			b = *(const v8f *) (x + i + 8);
		v8f			d;

		d = a - *(const v8f *) (y0 + i);
		even0 += d * d;
		d = b - *(const v8f *) (y0 + i + 8);
		odd0 += d * d;
		d = a - *(const v8f *) (y1 + i);
		even1 += d * d;
		d = b - *(const v8f *) (y1 + i + 8);
		odd1 += d * d;
		d = a - *(const v8f *) (y2 + i);
		even2 += d * d;
		d = b - *(const v8f *) (y2 + i + 8);
		odd2 += d * d;
		d = a - *(const v8f *) (y3 + i);
		even3 += d * d;
		d = b - *(const v8f *) (y3 + i + 8);
		odd3 += d * d;
	}
	even0 += odd0;
	even1 += odd1;
	even2 += odd2;
	even3 += odd3;
	distances[0] = SUM8(even0);
	distances[1] = SUM8(even1);
	distances[2] = SUM8(even2);
	distances[3] = SUM8(even3);
}
#endif

KERNEL_TARGET static float
KERNEL(dot_from) (const float *x, const float *from, const float *y, int n)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			d0 = *(const v8f *) (x + i) - *(const v8f *) (from + i);
		v8f			d1 = *(const v8f *) (x + i + 8) - *(const v8f *) (from + i + 8);

		sum0 += d0 * *(const v8f *) (y + i);
		sum1 += d1 * *(const v8f *) (y + i + 8);
	}
	sum0 += sum1;
	return SUM8(sum0);
}

KERNEL_TARGET static float
KERNEL(dot) (const float *x, const float *y, int n)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		sum0 += *(const v8f *) (x + i) * *(const v8f *) (y + i);
		sum1 += *(const v8f *) (x + i + 8) * *(const v8f *) (y + i + 8);
	}
	sum0 += sum1;
	return SUM8(sum0);
}

KERNEL_TARGET static float
KERNEL(centre_l2) (const float *x, const int8 *centre, float scale, int n,
				   float *residual)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			c0 = WIDEN8(centre + i);
		v8f			c1 = WIDEN8(centre + i + 8);
		v8f			d0 = *(const v8f *) (x + i) - c0 * scale;
		v8f			d1 = *(const v8f *) (x + i + 8) - c1 * scale;

		*(v8f *) (residual + i) = d0;
		*(v8f *) (residual + i + 8) = d1;
		sum0 += d0 * d0;
		sum1 += d1 * d1;
	}
	sum0 += sum1;
	return SUM8(sum0);
}

KERNEL_TARGET static float
KERNEL(centre_dot) (const float *x, const int8 *centre, float scale, int n)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			c0 = WIDEN8(centre + i);
		v8f			c1 = WIDEN8(centre + i + 8);

		sum0 += *(const v8f *) (x + i) * c0;
		sum1 += *(const v8f *) (x + i + 8) * c1;
	}
	sum0 += sum1;
	return SUM8(sum0) * scale;
}

KERNEL_TARGET static float
KERNEL(centre16_l2) (const float *x, const int16 *centre, float scale, int n,
					 float *residual)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			c0 = WIDEN16(centre + i);
		v8f			c1 = WIDEN16(centre + i + 8);
		v8f			d0 = *(const v8f *) (x + i) - c0 * scale;
		v8f			d1 = *(const v8f *) (x + i + 8) - c1 * scale;

		*(v8f *) (residual + i) = d0;
		*(v8f *) (residual + i + 8) = d1;
		sum0 += d0 * d0;
		sum1 += d1 * d1;
	}
	sum0 += sum1;
	return SUM8(sum0);
}

KERNEL_TARGET static float
KERNEL(centre16_dot) (const float *x, const int16 *centre, float scale, int n)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};

	for (int i = 0; i < n; i += 16)
	{
		v8f			c0 = WIDEN16(centre + i);
		v8f			c1 = WIDEN16(centre + i + 8);

		sum0 += *(const v8f *) (x + i) * c0;
		sum1 += *(const v8f *) (x + i + 8) * c1;
	}
	sum0 += sum1;
	return SUM8(sum0) * scale;
}

KERNEL_TARGET static void
KERNEL(add) (double *sum, const float *x, int n)
{
	for (int i = 0; i < n; i += 4)
		*(v4d *) (sum + i) += __builtin_convertvector(*(const v4f *) (x + i), v4d);
}

/*
 * A double of this size has no bits for fractions: adding it rounds, and shows the
 * integer in the lowest bits.
 */
#define WHOLE	6755399441055744.0	/* 1.5 * 2^52 */

KERNEL_TARGET static void
KERNEL(add_whole) (int64 *sum, const float *x, int n, double unit, double max)
{
	const v4d	low = {-max, -max, -max, -max};
	const v4d	high = {max, max, max, max};
	const v4d	whole = {WHOLE, WHOLE, WHOLE, WHOLE};

	for (int i = 0; i < n; i += 4)
	{
		v4d			v = __builtin_convertvector(*(const v4f *) (x + i), v4d) * unit;
		v4l			below = v < low;
		v4l			above = v > high;

		v = (v4d) (((v4l) low & below) | ((v4l) high & above) | ((v4l) v & ~(below | above)));
		*(v4l *) (sum + i) += (v4l) (v + whole) - (v4l) whole;
	}
}

KERNEL_TARGET static float
KERNEL(residual) (const float *x, const float *centre, int n, float *residual,
				  float *largest)
{
	v8f			sum0 = {0};
	v8f			sum1 = {0};
	v8i			most = {0};
	float		result = 0;

	for (int i = 0; i < n; i += 16)
	{
		v8f			d0 = *(const v8f *) (x + i) - *(const v8f *) (centre + i);
		v8f			d1 = *(const v8f *) (x + i + 8) - *(const v8f *) (centre + i + 8);
		v8i			bits = (v8i) d0 & 0x7FFFFFFF;
		v8i			greater = bits > most;

		/* floats that are not negative are in the order of their bits */
		most = (bits & greater) | (most & ~greater);
		bits = (v8i) d1 & 0x7FFFFFFF;
		greater = bits > most;
		most = (bits & greater) | (most & ~greater);
		*(v8f *) (residual + i) = d0;
		*(v8f *) (residual + i + 8) = d1;
		sum0 += d0 * d0;
		sum1 += d1 * d1;
	}
	sum0 += sum1;
	for (int i = 0; i < 8; i++)
		result = Max(result, ((v8f) most)[i]);
	*largest = result;
	return SUM8(sum0);
}

KERNEL_TARGET static void
KERNEL(levels) (const float *x, const float *centre, int n, float inverse_step, int top,
				uint8 *levels, double *sums)
{
	v4d			sum_xu[2] = {{0}, {0}};
	v4d			sum_cu[2] = {{0}, {0}};
	v4d			sum_uu[2] = {{0}, {0}};

	for (int i = 0; i < n; i += 8)
	{
		for (int j = 0; j < 2; j++)
		{
			v4f			v = *(const v4f *) (x + i + 4 * j);
			v4f			magnitude = (v4f) ((v4i) v & 0x7FFFFFFF);
			v4i			negative = v < 0;
			v4i			half = __builtin_convertvector(magnitude * inverse_step, v4i);
			v4i			fits = half < top / 2;
			v4i			u;
			v4d			wide;

			half = (half & fits) | (~fits & (top / 2));
			u = ((2 * half + 1) ^ negative) - negative;
			*(v4b *) (levels + i + 4 * j) = __builtin_convertvector((u + top) >> 1, v4b);
			wide = __builtin_convertvector(u, v4d);
			sum_xu[j] += __builtin_convertvector(v, v4d) * wide;
			sum_cu[j] += __builtin_convertvector(*(const v4f *) (centre + i + 4 * j), v4d) * wide;
			sum_uu[j] += wide * wide;
		}
	}
	for (int j = 0; j < 2; j++)
	{
		v4d			sum = j == 0 ? sum_xu[0] + sum_xu[1] : sum_cu[0] + sum_cu[1];

		sums[j] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
	}
	sum_uu[0] += sum_uu[1];
	sums[2] = (sum_uu[0][0] + sum_uu[0][2]) + (sum_uu[0][1] + sum_uu[0][3]);
}

KERNEL_TARGET static void
KERNEL(fit) (const float *x, int n, float inverse_step, int top,
			 float *xu, float *uu)
{
	v8f			sum_xu = {0};
	v8f			sum_uu = {0};

	for (int i = 0; i < n; i += 8)
	{
		v8i			bits = *(const v8i *) (x + i) & 0x7FFFFFFF;
		v8f			magnitude = (v8f) bits;
		v8i			half = __builtin_convertvector(magnitude * inverse_step, v8i);
		v8i			fits = half < top / 2;
		v8f			u;

		half = (half & fits) | (~fits & (top / 2));
		u = __builtin_convertvector(2 * half + 1, v8f);
		sum_xu += magnitude * u;
		sum_uu += u * u;
	}
	*xu = SUM8(sum_xu);
	*uu = SUM8(sum_uu);
}

KERNEL_TARGET static void
KERNEL(multiply) (float *x, const float *y, int n)
{
	for (int i = 0; i < n; i += 8)
		*(v8f *) (x + i) *= *(const v8f *) (y + i);
}

/*
 * The first three steps of a transform take four lanes each, within which numbers
 * change places; a - b is the sum of a and of b with its sign changed.
 */
KERNEL_TARGET static void
KERNEL(hadamard) (float *x, int n)
{
	const v4f	sign1 = {1, -1, 1, -1};
	const v4f	sign2 = {1, 1, -1, -1};

	for (int i = 0; i < n; i += 8)
	{
		v4f			a = *(const v4f *) (x + i);
		v4f			b = *(const v4f *) (x + i + 4);

		a = SHUFFLE4(a, 1, 0, 3, 2) + a * sign1;
		b = SHUFFLE4(b, 1, 0, 3, 2) + b * sign1;
		a = SHUFFLE4(a, 2, 3, 0, 1) + a * sign2;
		b = SHUFFLE4(b, 2, 3, 0, 1) + b * sign2;
		*(v4f *) (x + i) = a + b;
		*(v4f *) (x + i + 4) = a - b;
	}
	for (int half = 8; half < n; half *= 2)
	{
		for (int i = 0; i < n; i += 2 * half)
		{
			for (int j = i; j < i + half; j += 8)
			{
				v8f			a = *(const v8f *) (x + j);
				v8f			b = *(const v8f *) (x + j + half);

				*(v8f *) (x + j) = a + b;
				*(v8f *) (x + j + half) = a - b;
			}
		}
	}
}

/*
 * Transpose codes: see AnnoyKernels.  Tiles of 16 rows and 16 columns lie side by side
 * in registers.  Of an element's eight bits of address in its tile, row and column, each
 * of four rounds moves the highest of the row to the end of the column, and the highest
 * of the column to the end of the row.  Nothing but macros makes compilers keep two times
 * 16 rows in registers.
 */
#define EACH_ROW(DO) \
	DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) \
	DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define INTERLEAVE_TWO(to, from, i) \
	(to)[2 * (i)] = INTERLEAVE_LOW((from)[i], (from)[(i) + 8]); \
	(to)[2 * (i) + 1] = INTERLEAVE_HIGH((from)[i], (from)[(i) + 8]);
#define INTERLEAVE_ROWS(to, from) \
	INTERLEAVE_TWO(to, from, 0) INTERLEAVE_TWO(to, from, 1) \
	INTERLEAVE_TWO(to, from, 2) INTERLEAVE_TWO(to, from, 3) \
	INTERLEAVE_TWO(to, from, 4) INTERLEAVE_TWO(to, from, 5) \
	INTERLEAVE_TWO(to, from, 6) INTERLEAVE_TWO(to, from, 7)
#define LOAD_ROW(i)		a[i] = LOAD_TILES(codes + (i) * apart + first, bytes - first);
#define STORE_COLUMN(i, tile) \
	STORE_TILE(columns + (first + 16 * (tile) + (i)) * ANNOY_BLOCK_ENTRIES, a[i], tile)
#define STORE_COLUMN0(i)	STORE_COLUMN(i, 0)
#define STORE_COLUMN1(i)	STORE_COLUMN(i, 1)
#define STORE_COLUMN2(i)	STORE_COLUMN(i, 2)
#define STORE_COLUMN3(i)	STORE_COLUMN(i, 3)

KERNEL_TARGET static void
KERNEL(transpose) (const uint8 *codes, int apart, int bytes, uint8 *columns)
{
	StaticAssertStmt(ANNOY_BLOCK_ENTRIES == 16, "a block is as wide as a tile");

	for (int first = 0; first < bytes; first += sizeof(Tiles))
	{
		Tiles		a[ANNOY_BLOCK_ENTRIES];
		Tiles		b[ANNOY_BLOCK_ENTRIES];

		EACH_ROW(LOAD_ROW)
		INTERLEAVE_ROWS(b, a)
		INTERLEAVE_ROWS(a, b)
		INTERLEAVE_ROWS(b, a)
		INTERLEAVE_ROWS(a, b)
		EACH_ROW(STORE_COLUMN0)
		if (sizeof(Tiles) > 16 && bytes - first > 16)
		{
			EACH_ROW(STORE_COLUMN1)
		}
		if (sizeof(Tiles) > 32 && bytes - first > 32)
		{
			EACH_ROW(STORE_COLUMN2)
		}
		if (sizeof(Tiles) > 32 && bytes - first > 48)
		{
			EACH_ROW(STORE_COLUMN3)
		}
	}
}
