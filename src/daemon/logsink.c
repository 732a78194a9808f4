#include "daemon/logsink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX     24

void logsink_open(struct logsink *s)
{
	static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
						   .sun_path = JOURNAL_SOCKET};
	const char *stream = getenv("JOURNAL_STREAM");
	char *end = NULL;
	struct stat st;

	*s = (struct logsink){.fd = STDERR_FILENO, .journal = -1};
	tzset();
	/* The variable is inherited by children whose standard error is something else. */
	if (stream == NULL || fstat(s->fd, &st) != 0 || strtoull(stream, &end, 10) != st.st_dev ||
	    *end != ':' || strtoull(end + 1, NULL, 10) != st.st_ino)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&journal, sizeof(journal)) != 0)
		(void)close(fd);
	else
		s->journal = fd;
}

/* The record with the connection in front and the process last. */
static void arrange(const struct log_record *in, const char *who, struct log_record *out,
		    struct log_field fields[FIELDS_MAX], const char **connection)
{
	size_t n = 0;

	*connection = NULL;
	for (size_t i = 0; i < in->n_fields && n < FIELDS_MAX - 1; i++) {
		if (strcmp(in->fields[i].key, "connection") == 0)
			*connection = in->fields[i].value;
		else
			fields[n++] = in->fields[i];
	}
	if (who != NULL)
		fields[n++] = (struct log_field){"process", who};
	*out = (struct log_record){in->level, in->text, fields, n};
}

const char *logsink_line(const struct log_record *record, const char *who, uint64_t wall,
			 char buf[LOGSINK_LINE_MAX])
{
	struct log_field fields[FIELDS_MAX];
	struct log_record rest;
	const char *connection;
	struct tm tm = {0};
	time_t seconds = (time_t)(wall / 1000000);

	arrange(record, who, &rest, fields, &connection);
	(void)gmtime_r(&seconds, &tm);
	size_t at = strftime(buf, 64, "%Y-%m-%dT%H:%M:%S", &tm);
	at += (size_t)snprintf(buf + at, LOGSINK_LINE_MAX - at, ".%03" PRIu64 "Z %s ",
			       wall / 1000 % 1000, log_level_name(record->level));
	if (connection != NULL) {
		/* A record of its own, so that its value is quoted as all values are. */
		const struct log_field field = {"connection", connection};
		const struct log_record head = {record->level, "", &field, 1};
		char text[256];
		const char *start = log_format(&head, text, sizeof(text));
		start += strspn(start, " ");
		at += (size_t)snprintf(buf + at, LOGSINK_LINE_MAX - at, "%s ", start);
	}
	(void)log_format(&rest, buf + at, LOGSINK_LINE_MAX - at);
	return buf;
}

static int priority(enum log_level level)
{
	/* syslog(3)'s numbers, whose header has other meanings for our names. */
	static const int numbers[] = {3, 4, 5, 6, 7};

	return numbers[level];
}

size_t logsink_entry(const struct log_record *record, const char *who, char buf[LOGSINK_LINE_MAX])
{
	char message[1024];
	int n = snprintf(buf, LOGSINK_LINE_MAX, "PRIORITY=%d\nSYSLOG_IDENTIFIER=posternd\n",
			 priority(record->level));
	size_t at = (size_t)n;

	(void)log_format(record, message, sizeof(message));
	at += (size_t)snprintf(buf + at, LOGSINK_LINE_MAX - at, "MESSAGE=%s\n", message);
	if (who != NULL && at < LOGSINK_LINE_MAX)
		at +=
		    (size_t)snprintf(buf + at, LOGSINK_LINE_MAX - at, "POSTERN_PROCESS=%s\n", who);
	for (size_t i = 0; i < record->n_fields && at < LOGSINK_LINE_MAX; i++) {
		const struct log_field *f = &record->fields[i];
		if (f->value == NULL)
			continue;
		at += (size_t)snprintf(buf + at, LOGSINK_LINE_MAX - at, "POSTERN_");
		for (const char *k = f->key; *k != '\0' && at < LOGSINK_LINE_MAX - 1; k++)
			buf[at++] = *k >= 'a' && *k <= 'z'   ? (char)(*k - 'a' + 'A')
				    : *k >= '0' && *k <= '9' ? *k
							     : '_';
		if (at < LOGSINK_LINE_MAX)
			at += (size_t)snprintf(buf + at, LOGSINK_LINE_MAX - at, "=%s\n", f->value);
	}
	return at < LOGSINK_LINE_MAX ? at : 0;
}

/* Control characters in a field would end a line and begin a forged one. */
static void flatten(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
}

void logsink_write(void *ctx, const struct log_record *record)
{
	const struct logsink *s = ctx;
	char buf[LOGSINK_LINE_MAX];
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t wall = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	if (s->journal >= 0) {
		size_t n = logsink_entry(record, s->who, buf);
		if (n > 0 && send(s->journal, buf, n, MSG_NOSIGNAL) >= 0 && s->copy == NULL)
			return;
	}
	(void)logsink_line(record, s->who, wall, buf);
	flatten(buf);
	if (s->copy != NULL)
		s->copy(s->copy_ctx, buf);
	if (s->journal >= 0)
		return;
	size_t n = strnlen(buf, sizeof(buf) - 1);
	buf[n++] = '\n';
	/* Nothing can be done about a log that cannot be written. */
	while (write(s->fd, buf, n) < 0 && errno == EINTR)
		;
}
