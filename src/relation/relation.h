/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  An index and its table as SQL knows them: values of the column, rows that
 *	  errors name, rights of whoever calls a function.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/relation/relation.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANNOY_RELATION_H
#define ANNOY_RELATION_H

#include "access/tableam.h"
#include "utils/snapshot.h"
#include "utils/typcache.h"

#include "storage/storage.h"

/*
 * Is that a table as PostgreSQL's own access method stores it: in the main fork,
 * and each row in the block that its TID names?
 */
static inline bool
AnnoyIsHeap(Relation table)
{
	return table->rd_tableam == GetHeapamTableAmRoutine();
}

/* row.c */
extern bool AnnoyRowMayExist(Relation heap, const ItemPointerData *tid);
extern void AnnoyNoteRows(int rows, bool were_cold);
extern bool AnnoyRowsAreCold(void);
extern void AnnoyPrefetchRow(Relation heap, const ItemPointerData *tid);
extern void AnnoyCheckRow(Relation rel, Relation heap,
						  const ItemPointerData *tid);
extern AnnoyVectorSource *AnnoySourceOpenTable(Relation rel, const AnnoyIndex *index,
											   Snapshot snapshot);
extern AnnoyVectorSource *AnnoySourceOpen(Relation rel, const AnnoyIndex *index,
										  Snapshot snapshot);
extern void AnnoySourcePrefetch(AnnoyVectorSource *source, const ItemPointerData *tid);
extern Buffer AnnoySourcePin(AnnoyVectorSource *source, const ItemPointerData *tid);
extern void AnnoySourceTouch(Buffer buffer, const ItemPointerData *tid);
extern void AnnoySourcePause(AnnoyVectorSource *source);
extern void AnnoySourceClose(AnnoyVectorSource *source);

/* column.c */
extern AnnoyVector AnnoyReadIndexed(Relation rel, Datum value);
extern AnnoyVector AnnoyReadColumn(Relation rel, Datum value);
extern Datum AnnoyMakeColumn(Relation rel, const AnnoyVector *vec);
extern bool AnnoyColumnFits(Relation rel, const AnnoyIndex *index,
							Datum value);
extern Datum AnnoyItemAsQuery(Relation rel, const AnnoyIndex *index,
							  const AnnoyPointer *pointer,
							  const AnnoyVector *vec);
extern void AnnoyCheckDimensions(Relation rel, const AnnoyIndex *index,
								 const AnnoyVector *vec);
extern void AnnoyCheckNewDimensions(Relation rel, const AnnoyIndex *index,
									const AnnoyVector *vec);
extern char *AnnoyQualifiedName(Oid oid);
extern int	AnnoyHintForget(Relation rel, int dim);

/* What errors about a row of a table say; see rowerror.c. */
typedef struct AnnoyRowErrors
{
	Relation	heap;
	const char *table_name;
	const char *table;			/* SQL, as are these: */
	const char *column;
	const char *predicate;		/* NULL if there is none */
	Oid			type;			/* of the column */
	bool		is_other;		/* none of PostgreSQL's own */
	MemoryContext context;

	/* the row at work, and what it has to fit */
	ItemPointerData tid;
	bool		in_vector;
	int			dim;			/* 0 = any */
	AnnoyDtype	dtype;
	ErrorContextCallback callback;
} AnnoyRowErrors;

/* rowerror.c */
extern AnnoyRowErrors *AnnoyRowErrorsMake(Relation heap, Relation rel);
extern void AnnoyRowErrorsBegin(AnnoyRowErrors *errors, Relation rel,
								const AnnoyIndex *index,
								const ItemPointerData *tid, bool in_vector);
extern void AnnoyRowErrorsEnd(AnnoyRowErrors *errors);

/* Signatures of attributes; see signature.c. */

/* What a byte of a signature tells of a column's value. */
typedef enum AnnoySignatureKind
{
	ANNOY_SIGNS_NULL,			/* whether there is one */
	ANNOY_SIGNS_ORDER,			/* and between which bounds it is */
	ANNOY_SIGNS_HASH,			/* and its hash */
	ANNOY_SIGNS_ELEMENTS		/* hashes of an array's elements */
}			AnnoySignatureKind;

/* NULL, and the first of the others; for elements, no bit and one. */
#define ANNOY_SIGNATURE_NULL	0
#define ANNOY_SIGNATURE_VALUE	1

struct AnnoySigner;

/* A byte of signatures. */
typedef struct AnnoySigning
{
	const struct AnnoySigner *signer;	/* that it is part of */
	AnnoySignatureKind kind;
	AttrNumber	attribute;		/* of the attributes' row type */
	int			variant;		/* how many bytes before are for the same one */
	Oid			collation;
	TypeCacheEntry *type;		/* of the column, or of an array's elements */
	int			n_bounds;
	bool		is_lost;		/* the type has no longer what it is made by */
}			AnnoySigning;

/* How attributes are signed. */
typedef struct AnnoySigner
{
	Relation	rel;
	const AnnoyIndex *index;	/* whose bounds they are */
	TupleDesc	desc;			/* of attributes */
	MemoryContext context;		/* of one value */
	int			n;
	AnnoySigning signings[ANNOY_MAX_SIGNATURE];
}			AnnoySigner;

/* signature.c */
extern void AnnoyChooseSignatures(Relation rel, uint8 *columns);
extern TypeCacheEntry * AnnoyOrderedType(Relation rel, AttrNumber attribute);
extern AnnoySigner * AnnoySignerMake(Relation rel, const AnnoyIndex *index, const bool *columns);
extern bool AnnoyCanSign(Relation rel, const AnnoyIndex *index);
extern Datum AnnoyBound(const AnnoySigning * signing, int i);
extern int	AnnoyMisplacedBound(const AnnoySigning * signing);
extern int	AnnoyFirstBound(const AnnoySigning * signing, FmgrInfo *compare, Datum value);
extern uint8 AnnoySignHash(const AnnoySigning * signing, uint32 hash);
extern uint8 AnnoySignElements(const AnnoySigning * signing, Datum array);
extern uint8 AnnoySignByte(AnnoySigner * signer, int byte, IndexTuple attributes);
extern AnnoySignature AnnoySign(AnnoySigner * signer, IndexTuple attributes);
extern bool AnnoySignItem(AnnoySigner * signer, const AnnoyPointer *item, bool keep,
						  AnnoySignature * signature);
extern void AnnoySignPage(AnnoySigner * signer, BlockNumber block, Page page);

/* open.c */

/* What a user must be allowed to do who calls a function with an index. */
typedef enum AnnoyRight
{
	ANNOY_MAY_EXECUTE,			/* no more than to call the function */
	ANNOY_MAY_SELECT,			/* SELECT on the whole table */
	ANNOY_MAY_MAINTAIN,			/* owner, or MAINTAIN on the table (since 17) */
	ANNOY_OWNS_INDEX,
	ANNOY_OWNS_TABLE,
} AnnoyRight;

/* Which rows of the table a function looks at. */
typedef enum AnnoySnapshot
{
	ANNOY_NO_SNAPSHOT,			/* none */
	ANNOY_STATEMENT_SNAPSHOT,	/* those that the statement sees */
	ANNOY_NEW_SNAPSHOT,			/* those committed when the locks are held */
} AnnoySnapshot;

/* What a function wants to do with an index: see open.c. */
typedef struct AnnoyRequest
{
	AnnoyRight	right;
	AnnoySnapshot snapshot;
	bool		returns_rows;	/* rows or vectors go to the user */
	bool		any_format;		/* the index may have another format */
	const char *changes;		/* name of a function that changes something */
	LOCKMODE	heap_lock;		/* on the table ... */
	LOCKMODE	lock;			/* ... and the index, if not AccessShareLock */
} AnnoyRequest;

/* An index that a function has opened. */
typedef struct AnnoyAccess
{
	Relation	heap;
	Relation	rel;
	const AnnoyIndex *index;	/* NULL if it may have another format */
	Snapshot	snapshot;		/* NULL if none was asked for */

	/* for AnnoyCloseIndex() */
	LOCKMODE	heap_lock;		/* to be given back */
	LOCKMODE	lock;
	bool		is_owner;		/* we act as the owner of the table */
	Oid			user;			/* the caller, and what goes with that */
	int			security_context;
	int			nestlevel;
} AnnoyAccess;

extern void AnnoyOpenIndex(Oid oid, const AnnoyRequest *request,
						   AnnoyAccess *access);
extern void AnnoyBecomeOwner(AnnoyAccess *access);
extern void AnnoyCloseIndex(AnnoyAccess *access);
extern Relation AnnoyOpenQueried(Oid oid);

/* alter.c */
extern void AnnoyWarnOfSeed(const char *index_name);
extern void AnnoyWatchOptions(void);

#endif							/* ANNOY_RELATION_H */
