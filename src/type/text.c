/*-------------------------------------------------------------------------
 *
 * text.c
 *	  A vector that comes as text, for a column of some type.
 *
 * Literals and parameters without a type are text for a function that takes
 * several types.  Clients write vectors as they know them: as an array, as pgvector
 * does (and JSON), or, where a list is made a string, without any brackets.
 *
 * Copyright (c) 2026, the annoy developers
 *
 * IDENTIFICATION
 *	  src/type/text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

#include "type/type.h"

/*
 * The text with the brackets that the type's input function knows; or as it is, for
 * that function to complain about or not, if it is none of these three.
 */
static char *
with_brackets(char *text, bool is_array)
{
	const char *wrong = is_array ? "[]" : "{}";
	const char *right = is_array ? "{}" : "[]";
	char	   *first = text + strspn(text, " \t\r\n");
	char	   *last = first + strlen(first);

	while (last > first && isspace((unsigned char) last[-1]))
		last--;
	if (last - first >= 2 && first[0] == wrong[0] && last[-1] == wrong[1])
	{
		first[0] = right[0];
		last[-1] = right[1];
	}
	else if (isdigit((unsigned char) first[0]) || (first[0] != '\0' && strchr("+-.", first[0]) != NULL))
		return psprintf("%c%s%c", right[0], first, right[1]);
	return text;
}

/*
 * Read a vector for a column of that type; the text is changed.  An error is the
 * type's own.
 */
Datum
AnnoyReadText(Oid type, char *text)
{
	Oid			base = getBaseType(type);
	Oid			input;
	Oid			io_param;

	if (base != BITOID && base != VARBITOID)
		text = with_brackets(text, OidIsValid(get_element_type(base)));
	getTypeInputInfo(type, &input, &io_param);
	return OidInputFunctionCall(input, text, io_param, -1);
}
