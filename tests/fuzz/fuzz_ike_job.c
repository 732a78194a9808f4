/* Keystore jobs between processes: a request that reads also writes, octet for octet; an answer
 * leaves the job sound. */
#include <stdlib.h>
#include <string.h>

#include "ike/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[200000];
	struct writer w = writer_of(again, sizeof(again));
	struct ike_job *job = NULL;
	uint64_t serial;

	if (size == 0)
		return 0;
	/* The first octet says which of the two this is. */
	if ((data[0] & 1) == 0) {
		if (ike_job_read_request(&job, bytes_of(data + 1, size - 1)) != ERR_NONE)
			return 0;
		if (ike_job_write_request(job, &w) != ERR_NONE || w.n != size - 1 ||
		    memcmp(again, data + 1, w.n) != 0)
			abort();
		ike_job_free(job);
		return 0;
	}
	job = ike_job_new(data[0] & 2 ? IKE_JOB_SIGN : IKE_JOB_SHARED_KEY);
	if (job == NULL)
		return 0;
	job->prf = prf_find(5);
	if (ike_job_answer_serial(bytes_of(data + 1, size - 1), &serial) == ERR_NONE)
		job->serial = serial;
	if (ike_job_read_answer(job, bytes_of(data + 1, size - 1)) == ERR_NONE &&
	    (job->result == ERR_NONE) != (job->data_len != 0))
		abort();
	ike_job_free(job);
	return 0;
}
