/* The configuration's scalar values, from text. Each returns false when text is not one. */
#ifndef POSTERN_DAEMON_VALUES_H
#define POSTERN_DAEMON_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits alone. */
bool value_count(uint64_t *out, const char *text);
/* As value_count(), and "never" for 0. */
bool value_limit(uint64_t *out, const char *text);
/* "30s", "500ms", "15m", "8h", "2d", "1h30m", or "never" for 0; microseconds. */
bool value_time(uint64_t *out, const char *text);
/* "1000B", "64KiB", "500MB", "1GiB", "2TB", or "never" for 0; octets. */
bool value_octets(uint64_t *out, const char *text);
/* "yes", "no". */
bool value_bool(bool *out, const char *text);
/* The index of text in words, which NULL ends. */
bool value_word(unsigned *out, const char *const *words, const char *text);

/* "frodo1344shake:1088"; whether there is such a method is not looked at. */
struct daemon_ke_number;
bool value_ke_number(struct daemon_ke_number *out, const char *text);

#endif
