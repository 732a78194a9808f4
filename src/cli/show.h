/* What postern prints for people. */
#ifndef POSTERN_CLI_SHOW_H
#define POSTERN_CLI_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* An answer of the verb status. With colour, states are coloured. */
void show_status(FILE *f, json_t *answer, bool colour);
void show_stats(FILE *f, json_t *answer);
void show_faults(FILE *f, json_t *answer);
/* A progress line of up, down and the like. */
void show_progress(FILE *f, json_t *line);

/* "4 s", "57 m", "3 h 36 m", "2 d 4 h"; returns buf. */
#define SHOW_UNITS_MAX 32
const char *show_time(json_int_t seconds, char buf[SHOW_UNITS_MAX]);
/* "252 B", "1.5 KiB", "12.3 GiB"; returns buf. */
const char *show_octets(json_int_t octets, char buf[SHOW_UNITS_MAX]);
/* Without what a terminal would take for more than text. */
void show_text(FILE *f, const char *text);

#endif
