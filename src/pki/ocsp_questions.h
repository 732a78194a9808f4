/* What an OCSP responder is to be asked about a chain of which nothing else tells: a question for
 * each certificate, and where its responder is. */
#ifndef POSTERN_PKI_OCSP_QUESTIONS_H
#define POSTERN_PKI_OCSP_QUESTIONS_H

#include <stddef.h>
#include <stdint.h>

#define OCSP_QUESTIONS_MAX    6 /* one for each certificate of a chain */
#define OCSP_QUESTION_MAX     256
#define OCSP_QUESTION_URL_MAX 1024

struct ocsp_question {
	/* The first that the certificate names (RFC 5280 4.2.2.1) by http, with its NUL; empty:
	 * none. */
	char url[OCSP_QUESTION_URL_MAX + 1];
	uint8_t der[OCSP_QUESTION_MAX]; /* an OCSPRequest; der_len octets */
	size_t der_len;
};

/* The requests have no nonce. So they are equal whenever the same is asked, and answers that were
 * kept or made in advance do: RFC 5019 2.1.1 wants it so, RFC 9654 makes it the client's choice.
 * What stands against old answers is their nextUpdate. */
struct ocsp_questions {
	size_t n;
	struct ocsp_question q[OCSP_QUESTIONS_MAX];
};

#endif
