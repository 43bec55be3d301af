/*-------------------------------------------------------------------------
 *
 * metric_impl.h
 *	  The sums behind the metrics, for one instruction set.
 *
 * metric.c includes this once for each instruction set, having defined
 *
 *	METRIC_NAME(name)	the name of a function for this instruction set
 *	METRIC_TARGET		the attribute that selects the instruction set, or empty
 *	METRIC_WIDTH		doubles in a vector register, 2, 4 or 8
 *	METRIC_WIDEN(from)	a DVec of the METRIC_WIDTH floats at this address;
 *						optional, for where the compiler does not do it well
 *	METRIC_WIDEN_HALVES(from, to)	store METRIC_LANES floats that are the halves
 *						at an address; optional
 *	METRIC_WIDEN_BYTES(from, zero, to)	store METRIC_LANES floats that are the bytes
 *						at an address, less an integer; optional
 *
 * What is written here must give the same bits for any METRIC_WIDTH.  Hence
 * the sums always run in METRIC_LANES lanes, whatever the number of registers
 * they take: component i is added to lane i % METRIC_LANES, and the lanes are
 * added up in a fixed order.  Functions neither take nor return vector types,
 * whose calling convention depends on the instruction set.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/metric_impl.h
 *
 *-------------------------------------------------------------------------
 */

#define DVec	METRIC_NAME(DVec)
#define DVecU	METRIC_NAME(DVecU)
#define FVecU	METRIC_NAME(FVecU)
#define IVec	METRIC_NAME(IVec)

/* Doubles, and integers of the same width to operate on their bits. */
typedef double DVec __attribute__((vector_size(8 * METRIC_WIDTH)));
typedef int64 IVec __attribute__((vector_size(8 * METRIC_WIDTH)));

/* The same number of components in memory, aligned as single components. */
typedef double DVecU __attribute__((vector_size(8 * METRIC_WIDTH), aligned(8), may_alias));
typedef float FVecU __attribute__((vector_size(4 * METRIC_WIDTH), aligned(4), may_alias));

#ifndef METRIC_WIDEN
#define METRIC_WIDEN(from)	__builtin_convertvector(*(const FVecU *) (from), DVec)
#endif

#ifndef METRIC_WIDEN_HALVES
#define METRIC_WIDEN_HALVES(from, to) \
	for (int l = 0; l < METRIC_LANES; l++) \
		(to)[l] = AnnoyHalfToFloat((from)[l])
#endif

#ifndef METRIC_WIDEN_BYTES
#define METRIC_WIDEN_BYTES(from, zero, to) \
	for (int l = 0; l < METRIC_LANES; l++) \
		(to)[l] = (from)[l] - (zero)
#endif

/* Do something for each register that the lanes take. */
#if METRIC_WIDTH == 2
#define EACH_REGISTER(DO)	DO(0) DO(1) DO(2) DO(3)
#elif METRIC_WIDTH == 4
#define EACH_REGISTER(DO)	DO(0) DO(1)
#else
#define EACH_REGISTER(DO)	DO(0)
#endif

/*
 * Compute the sums that a metric needs:
 *
 *	ANNOY_L2		sum[0] = sum of (x - y)^2
 *	ANNOY_L1		sum[0] = sum of |x - y|
 *	ANNOY_IP		sum[0] = sum of x * y
 *	ANNOY_COSINE	sum[0] = sum of x * y, sum[1] of x * x, sum[2] of y * y
 *	ANNOY_HAMMING	sum[0] = number of components where x > 0.5 differs from y > 0.5,
 *					sum[1] = sum of x + y
 *
 * x and y are arrays of dim components, of which xtype and ytype are the types.
 * If any component is not finite, then one of the sums is not finite either;
 * that is all that ANNOY_HAMMING has its second sum for.  Sums that the metric
 * does not need are left alone.
 *
 * All arguments but x, y, dim and sum are constants once this is inlined.
 */
static pg_attribute_always_inline METRIC_TARGET void
METRIC_NAME(sum) (AnnoyMetric metric, const void *x, MetricType xtype,
				  const void *y, MetricType ytype, int dim, double *sum)
{
	const AnnoyHalf *xh = x;
	const float *xf = x;
	const double *xd = x;
	const uint8 *xb = (const uint8 *) x + sizeof(AnnoyInt8Head);
	const AnnoyHalf *yh = y;
	const float *yf = y;
	const double *yd = y;
	const uint8 *yb = (const uint8 *) y + sizeof(AnnoyInt8Head);
	AnnoyInt8Head xhead = {0};
	AnnoyInt8Head yhead = {0};
	double		xstep = 1;
	double		ystep = 1;
	const int	nsums = metric == ANNOY_COSINE ? 3 : metric == ANNOY_HAMMING ? 2 : 1;
	const Size	n = dim;
	double		lane[3][METRIC_LANES];
	Size		i;

#define ZERO_REGISTER(k) \
	DVec		p##k = {0}; \
	DVec		q##k = {0}; \
	DVec		r##k = {0};

	EACH_REGISTER(ZERO_REGISTER);

	if (xtype == TYPE_INT8)
	{
		xhead = AnnoyInt8ReadHead(x);
		xstep = AnnoyInt8Step(&xhead);
	}
	if (ytype == TYPE_INT8)
	{
		yhead = AnnoyInt8ReadHead(y);
		ystep = AnnoyInt8Step(&yhead);
	}

#define ADD_REGISTER(k) \
	do { \
		const int	lane0 = (k) * METRIC_WIDTH; \
		DVec		a; \
		DVec		b; \
\
		if (xtype == TYPE_DOUBLE) \
			a = *(const DVecU *) (xd + i + lane0); \
		else \
			a = METRIC_WIDEN((xtype == TYPE_FLOAT ? xf + i : xwidened) + lane0); \
		if (xtype == TYPE_INT8) \
			a *= xstep; \
		if (ytype == TYPE_DOUBLE) \
			b = *(const DVecU *) (yd + i + lane0); \
		else \
			b = METRIC_WIDEN((ytype == TYPE_FLOAT ? yf + i : ywidened) + lane0); \
		if (ytype == TYPE_INT8) \
			b *= ystep; \
\
		if (metric == ANNOY_L2) \
			p##k += (a - b) * (a - b); \
		else if (metric == ANNOY_L1) \
			p##k += (DVec) ((IVec) (a - b) & PG_INT64_MAX); \
		else if (metric == ANNOY_HAMMING) \
		{ \
			IVec		differ = (IVec) (a > 0.5) ^ (IVec) (b > 0.5); \
			DVec		one = {0}; \
\
			one += 1.0; \
			p##k += (DVec) (differ & (IVec) one); \
			q##k += a + b; \
		} \
		else \
		{ \
			p##k += a * b; \
			if (metric == ANNOY_COSINE) \
			{ \
				q##k += a * a; \
				r##k += b * b; \
			} \
		} \
	} while (0);

	for (i = 0; i + METRIC_LANES <= n; i += METRIC_LANES)
	{
		float		xwidened[METRIC_LANES];
		float		ywidened[METRIC_LANES];

		if (xtype == TYPE_HALF)
			METRIC_WIDEN_HALVES(xh + i, xwidened);
		if (ytype == TYPE_HALF)
			METRIC_WIDEN_HALVES(yh + i, ywidened);
		if (xtype == TYPE_INT8)
			METRIC_WIDEN_BYTES(xb + i, xhead.zero, xwidened);
		if (ytype == TYPE_INT8)
			METRIC_WIDEN_BYTES(yb + i, yhead.zero, ywidened);
		EACH_REGISTER(ADD_REGISTER);
	}

#define STORE_REGISTER(k) \
	*(DVecU *) &lane[0][(k) * METRIC_WIDTH] = p##k; \
	*(DVecU *) &lane[1][(k) * METRIC_WIDTH] = q##k; \
	*(DVecU *) &lane[2][(k) * METRIC_WIDTH] = r##k;

	EACH_REGISTER(STORE_REGISTER);

	/* The same for the components that are left */
	for (int l = 0; i < n; i++, l++)
	{
		double		a = xtype == TYPE_DOUBLE ? xd[i] :
		xtype == TYPE_FLOAT ? xf[i] :
		xtype == TYPE_HALF ? AnnoyHalfToFloat(xh[i]) : (xb[i] - xhead.zero) * xstep;
		double		b = ytype == TYPE_DOUBLE ? yd[i] :
		ytype == TYPE_FLOAT ? yf[i] :
		ytype == TYPE_HALF ? AnnoyHalfToFloat(yh[i]) : (yb[i] - yhead.zero) * ystep;

		if (metric == ANNOY_L2)
			lane[0][l] += (a - b) * (a - b);
		else if (metric == ANNOY_L1)
			lane[0][l] += fabs(a - b);
		else if (metric == ANNOY_HAMMING)
		{
			lane[0][l] += (a > 0.5) != (b > 0.5);
			lane[1][l] += a + b;
		}
		else
		{
			lane[0][l] += a * b;
			if (metric == ANNOY_COSINE)
			{
				lane[1][l] += a * a;
				lane[2][l] += b * b;
			}
		}
	}

	for (int s = 0; s < nsums; s++)
		sum[s] = ((lane[s][0] + lane[s][4]) + (lane[s][2] + lane[s][6])) +
			((lane[s][1] + lane[s][5]) + (lane[s][3] + lane[s][7]));
}

/* The functions for one metric, named for the bytes of x's and y's components */
#define METRIC_FUNCTION(name, metric, bytes, xtype, ytype) \
static METRIC_TARGET void \
METRIC_NAME(name##_##bytes) (const void *x, const void *y, int dim, double *sum) \
{ \
	METRIC_NAME(sum) (metric, x, xtype, y, ytype, dim, sum); \
}

#define METRIC_INT8_FUNCTIONS(name, metric) \
	METRIC_FUNCTION(name, metric, 11, TYPE_INT8, TYPE_INT8) \
	METRIC_FUNCTION(name, metric, 12, TYPE_INT8, TYPE_HALF) \
	METRIC_FUNCTION(name, metric, 14, TYPE_INT8, TYPE_FLOAT) \
	METRIC_FUNCTION(name, metric, 18, TYPE_INT8, TYPE_DOUBLE)

#define METRIC_FUNCTIONS(name, metric) \
	METRIC_FUNCTION(name, metric, 22, TYPE_HALF, TYPE_HALF) \
	METRIC_FUNCTION(name, metric, 24, TYPE_HALF, TYPE_FLOAT) \
	METRIC_FUNCTION(name, metric, 28, TYPE_HALF, TYPE_DOUBLE) \
	METRIC_FUNCTION(name, metric, 44, TYPE_FLOAT, TYPE_FLOAT) \
	METRIC_FUNCTION(name, metric, 48, TYPE_FLOAT, TYPE_DOUBLE) \
	METRIC_FUNCTION(name, metric, 88, TYPE_DOUBLE, TYPE_DOUBLE)

METRIC_FUNCTIONS(l2, ANNOY_L2)
METRIC_FUNCTIONS(cosine, ANNOY_COSINE)
METRIC_FUNCTIONS(ip, ANNOY_IP)
METRIC_FUNCTIONS(l1, ANNOY_L1)
METRIC_FUNCTIONS(hamming, ANNOY_HAMMING)
METRIC_INT8_FUNCTIONS(l2, ANNOY_L2)
METRIC_INT8_FUNCTIONS(cosine, ANNOY_COSINE)
METRIC_INT8_FUNCTIONS(ip, ANNOY_IP)
METRIC_INT8_FUNCTIONS(l1, ANNOY_L1)

/*
 * Number of bits that differ between two vectors of bits.
 */
static METRIC_TARGET int
METRIC_NAME(count_bits) (const void *x, const void *y, int dim)
{
	const unsigned char *xb = x;
	const unsigned char *yb = y;
	int			nbytes = (dim + 7) / 8;
	int			count = 0;
	int			i;

	for (i = 0; i + (int) sizeof(uint64) <= nbytes; i += sizeof(uint64))
	{
		uint64		a;
		uint64		b;

		memcpy(&a, xb + i, sizeof(uint64));
		memcpy(&b, yb + i, sizeof(uint64));
		count += __builtin_popcountll(a ^ b);
	}
	for (; i < nbytes; i++)
		count += __builtin_popcount(xb[i] ^ yb[i]);

	return count;
}

#define METRIC_INT8_ROW(name) \
	{METRIC_NAME(name##_11), METRIC_NAME(name##_12), METRIC_NAME(name##_14), METRIC_NAME(name##_18)}

#define METRIC_NO_INT8_ROW \
	{NULL}

#define METRIC_ROW(name, int8_row) \
	{ \
		int8_row, \
		{NULL, METRIC_NAME(name##_22), METRIC_NAME(name##_24), METRIC_NAME(name##_28)}, \
		{NULL, NULL, METRIC_NAME(name##_44), METRIC_NAME(name##_48)}, \
		{NULL, NULL, NULL, METRIC_NAME(name##_88)} \
	}

/* In the order of AnnoyMetric, which starts from 1 */
static const MetricKernels METRIC_NAME(kernels) = {
	{
		{{NULL}},
		METRIC_ROW(l2, METRIC_INT8_ROW(l2)),
		METRIC_ROW(cosine, METRIC_INT8_ROW(cosine)),
		METRIC_ROW(ip, METRIC_INT8_ROW(ip)),
		METRIC_ROW(l1, METRIC_INT8_ROW(l1)),
		METRIC_ROW(hamming, METRIC_NO_INT8_ROW)
	},
	METRIC_NAME(count_bits)
};

#undef DVec
#undef DVecU
#undef FVecU
#undef IVec
#undef EACH_REGISTER
#undef ZERO_REGISTER
#undef ADD_REGISTER
#undef STORE_REGISTER
#undef METRIC_FUNCTION
#undef METRIC_FUNCTIONS
#undef METRIC_INT8_FUNCTIONS
#undef METRIC_ROW
#undef METRIC_INT8_ROW
#undef METRIC_NO_INT8_ROW
#undef METRIC_NAME
#undef METRIC_TARGET
#undef METRIC_WIDEN
#undef METRIC_WIDEN_HALVES
#undef METRIC_WIDEN_BYTES
#undef METRIC_WIDTH
