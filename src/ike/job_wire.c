/* Keystore jobs between two processes of the daemon. The key process does not trust the one that
 * parses the network: every length is checked against its bound and against what is there. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/job.h"

#define KEY_NAME_MAX    255
#define SCHEME_NAME_MAX 63
#define OCTETS_MAX      (128 * 1024) /* a message of the largest size and what is added to it */
#define DATA_MAX        65535        /* of an AUTH payload */

static void write_counted(struct writer *w, struct bytes b)
{
	writer_u32(w, (uint32_t)b.n);
	writer_bytes(w, b);
}

/* A counted span of at most `most` octets. */
static struct bytes read_counted(struct reader *r, size_t most)
{
	uint32_t n = reader_u32(r);

	if (n > most) {
		reader_fail(r);
		return bytes_of(NULL, 0);
	}
	return reader_take(r, n);
}

static void write_identity(struct writer *w, const struct identity *id)
{
	writer_u8(w, id != NULL ? id->type : 0);
	write_counted(w, id != NULL ? identity_bytes(id) : bytes_of(NULL, 0));
}

/* *id is NULL when there is none. */
static enum err read_identity(struct reader *r, struct identity **id)
{
	uint8_t type = reader_u8(r);
	struct bytes data = read_counted(r, IDENTITY_MAX);
	const char *reason = NULL;

	if (!reader_ok(r))
		return ERR_SYNTAX;
	if (type == 0)
		return data.n == 0 ? ERR_NONE : ERR_SYNTAX;
	return identity_from_wire(id, type, data, &reason);
}

static void write_ppks(struct writer *w, const struct ike_job *job)
{
	const struct ike_ppk_work *p = job->ppk;

	writer_u16(w, job->prf->id);
	writer_u8(w, p->check);
	writer_u8(w, p->n);
	for (size_t i = 0; i < p->n; i++) {
		write_counted(w, bytes_of(p->ppks[i].id, p->ppks[i].id_len));
		writer_bytes(w, BYTES_OF(p->ppks[i].confirmation));
	}
	writer_u8(w, p->n_inputs);
	for (size_t i = 0; i < p->n_inputs; i++)
		writer_bytes(w, bytes_of(p->input[i], job->prf->key_len));
}

enum err ike_job_write_request(const struct ike_job *job, struct writer *w)
{
	if (job->octets_len > OCTETS_MAX)
		return ERR_RANGE;
	writer_u8(w, (uint8_t)job->type);
	writer_u64(w, job->serial);
	switch (job->type) {
	case IKE_JOB_SIGN:
		if (strlen(job->key) > KEY_NAME_MAX)
			return ERR_RANGE;
		write_counted(w, bytes_of(job->key, strlen(job->key)));
		write_counted(w, bytes_of(job->scheme->name, strlen(job->scheme->name)));
		break;
	case IKE_JOB_KEM_DECAPSULATE:
		if (strlen(job->key) > KEY_NAME_MAX)
			return ERR_RANGE;
		write_counted(w, bytes_of(job->key, strlen(job->key)));
		break;
	case IKE_JOB_SHARED_KEY:
		writer_u16(w, job->prf->id);
		write_identity(w, job->local);
		write_identity(w, job->remote);
		break;
	case IKE_JOB_PPK_CONFIRM:
	case IKE_JOB_PPK_MIX:
		write_ppks(w, job);
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	write_counted(w, bytes_of(job->octets, job->octets_len));
	return writer_ok(w) ? ERR_NONE : ERR_LIMIT;
}

/* Text without NUL, as a string of its own. */
static char *text_of(struct bytes b)
{
	char *text;

	if (b.n != 0 && memchr(b.p, '\0', b.n) != NULL)
		return NULL;
	text = mem_new(b.n + 1);
	if (text != NULL && b.n != 0)
		memcpy(text, b.p, b.n);
	return text;
}

static enum err read_sign(struct reader *r, struct ike_job *job)
{
	struct bytes key = read_counted(r, KEY_NAME_MAX);
	struct bytes name = read_counted(r, SCHEME_NAME_MAX);
	char scheme[SCHEME_NAME_MAX + 1] = "";

	if (!reader_ok(r) || key.n == 0 || name.n == 0 || memchr(name.p, '\0', name.n) != NULL)
		return ERR_SYNTAX;
	memcpy(scheme, name.p, name.n);
	job->scheme = signature_scheme_find(scheme);
	if (job->scheme == NULL)
		return ERR_UNSUPPORTED;
	job->key = text_of(key);
	return job->key != NULL ? ERR_NONE : ERR_SYNTAX;
}

static enum err read_decapsulate(struct reader *r, struct ike_job *job)
{
	const struct bytes key = read_counted(r, KEY_NAME_MAX);

	if (!reader_ok(r))
		return ERR_SYNTAX;
	job->key = text_of(key);
	return job->key != NULL ? ERR_NONE : ERR_SYNTAX;
}

static enum err read_shared_key(struct reader *r, struct ike_job *job)
{
	enum err e;

	job->prf = prf_find(reader_u16(r));
	e = read_identity(r, &job->local);
	if (e == ERR_NONE)
		e = read_identity(r, &job->remote);
	if (e == ERR_NONE && job->prf == NULL)
		e = ERR_UNSUPPORTED;
	return e;
}

static void take_into(struct reader *r, uint8_t *to, size_t n)
{
	const struct bytes b = reader_take(r, n);

	if (reader_ok(r))
		memcpy(to, b.p, n);
}

static enum err read_ppks(struct reader *r, struct ike_job *job)
{
	struct ike_ppk_work *p = mem_new(sizeof(*p));

	job->ppk = p;
	if (p == NULL)
		return ERR_NO_MEMORY;
	job->prf = prf_find(reader_u16(r));
	const uint8_t check = reader_u8(r);
	p->check = check != 0;
	p->n = reader_u8(r);
	if (!reader_ok(r) || job->prf == NULL || check > 1 || p->n == 0 || p->n > IKE_PPKS_MAX)
		return ERR_SYNTAX;
	for (size_t i = 0; i < p->n; i++) {
		const struct bytes id = read_counted(r, PPK_ID_MAX);
		take_into(r, p->ppks[i].confirmation, PPK_CONFIRMATION_LEN);
		if (!reader_ok(r) || id.n == 0)
			return ERR_SYNTAX;
		memcpy(p->ppks[i].id, id.p, id.n);
		p->ppks[i].id_len = (uint8_t)id.n;
	}
	p->n_inputs = reader_u8(r);
	if (!reader_ok(r) || p->n_inputs > IKE_PPK_INPUTS)
		return ERR_SYNTAX;
	for (size_t i = 0; i < p->n_inputs; i++)
		take_into(r, p->input[i], job->prf->key_len);
	return reader_ok(r) ? ERR_NONE : ERR_SYNTAX;
}

static enum err read_kind(struct reader *r, struct ike_job *job)
{
	switch (job->type) {
	case IKE_JOB_SIGN:
		return read_sign(r, job);
	case IKE_JOB_SHARED_KEY:
		return read_shared_key(r, job);
	case IKE_JOB_KEM_DECAPSULATE:
		return read_decapsulate(r, job);
	default:
		return read_ppks(r, job);
	}
}

enum err ike_job_read_request(struct ike_job **out, struct bytes b)
{
	struct reader r = reader_of(b);
	uint8_t type = reader_u8(&r);
	struct ike_job *job;
	struct bytes octets;
	enum err e;

	if (type != IKE_JOB_SIGN && type != IKE_JOB_SHARED_KEY && type != IKE_JOB_KEM_DECAPSULATE &&
	    type != IKE_JOB_PPK_CONFIRM && type != IKE_JOB_PPK_MIX)
		return ERR_SYNTAX;
	job = ike_job_new(type);
	if (job == NULL)
		return ERR_NO_MEMORY;
	job->serial = reader_u64(&r);
	e = read_kind(&r, job);
	if (e != ERR_NONE)
		goto failed;
	octets = read_counted(&r, OCTETS_MAX);
	e = ERR_SYNTAX;
	if (!reader_done(&r))
		goto failed;
	e = ERR_NO_MEMORY;
	job->octets = mem_copy(octets);
	job->octets_len = octets.n;
	if (job->octets == NULL)
		goto failed;
	*out = job;
	return ERR_NONE;
failed:
	ike_job_free(job);
	return e;
}

enum err ike_job_write_answer(const struct ike_job *job, struct writer *w)
{
	bool good = job->result == ERR_NONE;

	if (!ike_job_needs_keys(job))
		return ERR_UNSUPPORTED;
	if (job->data_len > DATA_MAX)
		return ERR_RANGE;
	writer_u64(w, job->serial);
	writer_u8(w, (uint8_t)job->result);
	write_counted(w, bytes_of(job->reason, strnlen(job->reason, sizeof(job->reason))));
	write_counted(w, bytes_of(job->data, good ? job->data_len : 0));
	return writer_ok(w) ? ERR_NONE : ERR_LIMIT;
}

enum err ike_job_answer_serial(struct bytes b, uint64_t *serial)
{
	struct reader r = reader_of(b);
	uint64_t got = reader_u64(&r);

	if (!reader_ok(&r))
		return ERR_SYNTAX;
	*serial = got;
	return ERR_NONE;
}

/* What the key process may answer: of signatures only the largest size is known. */
static bool answer_fits(const struct ike_job *job, struct bytes data)
{
	switch (job->type) {
	case IKE_JOB_SHARED_KEY:
		return data.n == job->prf->out_len;
	case IKE_JOB_KEM_DECAPSULATE:
		return data.n == job->ke->secret_len;
	case IKE_JOB_PPK_CONFIRM:
		return data.n == (size_t)job->ppk->n * PPK_CONFIRMATION_LEN;
	case IKE_JOB_PPK_MIX:
		return data.n == 1 + (size_t)job->ppk->n_inputs * job->prf->key_len &&
		       data.p[0] < job->ppk->n;
	default:
		return true;
	}
}

enum err ike_job_read_answer(struct ike_job *job, struct bytes b)
{
	struct reader r = reader_of(b);
	uint64_t serial = reader_u64(&r);
	uint8_t result = reader_u8(&r);
	struct bytes reason = read_counted(&r, sizeof(job->reason) - 1);
	struct bytes data = read_counted(&r, DATA_MAX);
	uint8_t *copy;

	if (!reader_done(&r) || serial != job->serial || result > ERR_IO ||
	    !ike_job_needs_keys(job) || (data.n != 0) != (result == ERR_NONE))
		return ERR_SYNTAX;
	if (result == ERR_NONE && !answer_fits(job, data))
		return ERR_SYNTAX;
	copy = result == ERR_NONE ? mem_copy(data) : NULL;
	if (result == ERR_NONE && copy == NULL)
		return ERR_NO_MEMORY;
	mem_free_secret(job->data, job->data_len);
	job->data = copy;
	job->data_len = data.n;
	job->result = result;
	snprintf(job->reason, sizeof(job->reason), "%.*s", (int)reason.n, (const char *)reason.p);
	return ERR_NONE;
}
