/* The results that functions of every floor return. What went wrong in words goes to the log or to
 * the caller's reason buffer; the code is what the caller decides by. */
#ifndef POSTERN_BASE_ERROR_H
#define POSTERN_BASE_ERROR_H

enum err {
	ERR_NONE = 0,
	ERR_NO_MEMORY,
	ERR_SYNTAX,      /* octets or text that break their format */
	ERR_RANGE,       /* a value or a size outside its bounds */
	ERR_UNSUPPORTED, /* well formed, but not something we do */
	ERR_CRYPTO,      /* a primitive refused its input or failed */
	ERR_AUTH,        /* integrity, signature, chain or identity does not hold */
	ERR_REPLAY,
	ERR_NOT_FOUND,
	ERR_EXISTS,
	ERR_LIMIT, /* a configured or stated bound was reached */
	ERR_STATE, /* not now */
	ERR_IO,    /* the system said no; errno holds its reason */
};

/* A short, constant, lower-case name, for logs and tests. */
const char *err_name(enum err e);

#endif
