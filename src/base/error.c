#include "base/error.h"

const char *err_name(enum err e)
{
	switch (e) {
	case ERR_NONE:
		return "none";
	case ERR_NO_MEMORY:
		return "no memory";
	case ERR_SYNTAX:
		return "syntax";
	case ERR_RANGE:
		return "out of range";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_CRYPTO:
		return "crypto";
	case ERR_AUTH:
		return "authentication";
	case ERR_REPLAY:
		return "replay";
	case ERR_NOT_FOUND:
		return "not found";
	case ERR_EXISTS:
		return "exists";
	case ERR_LIMIT:
		return "limit";
	case ERR_STATE:
		return "wrong state";
	case ERR_IO:
		return "i/o";
	}
	return "unknown";
}
