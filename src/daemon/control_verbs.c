/* What clients of the control socket may ask. */
#include <string.h>
#include <time.h>

#include "daemon/control_private.h"
#include "daemon/process.h"
#include "daemon/version.h"

static uint64_t wall_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* A string member; NULL when there is none or it is null. */
static const char *text_of(json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static void fail_with(struct client *c, enum err e)
{
	if (e == ERR_NOT_FOUND && c->child[0] != '\0')
		client_fail(c, "there is no child \"%s\" in a connection \"%s\"", c->child,
			    c->connection);
	else if (e == ERR_NOT_FOUND)
		client_fail(c, "there is no connection \"%s\"", c->connection);
	else if (e == ERR_STATE)
		client_fail(c, "connection \"%s\" is not up", c->connection);
	else
		client_fail(c, "%s", err_name(e));
}

/* Unless the client waits, the order having been taken is the answer. */
static void answer(struct client *c, json_t *request, enum err e)
{
	json_t *wait = json_object_get(request, "wait");

	if (c->wait == WAIT_NOTHING)
		return; /* it has happened already, and was answered */
	if (e != ERR_NONE)
		fail_with(c, e);
	else if (json_is_false(wait))
		client_ok(c, NULL);
}

static void verb_up(struct client *c, json_t *request)
{
	struct ike *ike = c->control->owner.ike;
	const char *connection = text_of(request, "connection");
	const char *child = text_of(request, "child");

	if (connection == NULL) {
		client_fail(c, "which connection?");
		return;
	}
	wait_begin(c, WAIT_UP, connection, child);
	enum err e = wait_targets(c);
	if (e == ERR_NONE)
		e = ike_up(ike, connection, child, process_now());
	answer(c, request, e);
	if (c->wait == WAIT_UP)
		wait_check(c);
}

static bool is_up(struct client *c)
{
	json_t *list = status_json(c->control->owner.ike, c->connection, 0, 0);
	const char *state = json_string_value(json_object_get(json_array_get(list, 0), "state"));
	bool up = state != NULL && strcmp(state, ike_state_name(IKE_STATE_DOWN)) != 0;

	json_decref(list);
	return up;
}

static void verb_down(struct client *c, json_t *request)
{
	const char *connection = text_of(request, "connection");
	const char *child = text_of(request, "child");

	if (connection == NULL) {
		client_fail(c, "which connection?");
		return;
	}
	wait_begin(c, WAIT_DOWN, connection, child);
	bool up = is_up(c);
	enum err e = ike_down(c->control->owner.ike, connection, child, process_now());
	answer(c, request, e);
	if (c->wait == WAIT_DOWN && (!up || !is_up(c)))
		client_ok(c, NULL);
}

static void verb_rekey(struct client *c, json_t *request)
{
	const char *connection = text_of(request, "connection");
	const char *child = text_of(request, "child");

	if (connection == NULL) {
		client_fail(c, "which connection?");
		return;
	}
	wait_begin(c, WAIT_REKEY, connection, child);
	answer(c, request, ike_rekey(c->control->owner.ike, connection, child, process_now()));
}

static void verb_reauth(struct client *c, json_t *request)
{
	const char *connection = text_of(request, "connection");

	if (connection == NULL) {
		client_fail(c, "which connection?");
		return;
	}
	wait_begin(c, WAIT_REAUTH, connection, NULL);
	answer(c, request, ike_reauthenticate(c->control->owner.ike, connection, process_now()));
}

static void verb_status(struct client *c, json_t *request)
{
	const struct control_owner *o = &c->control->owner;
	const char *connection = text_of(request, "connection");
	uint64_t wall = wall_now();
	json_t *list = status_json(o->ike, connection, wall, process_now());

	if (list == NULL) {
		client_fail(c, "there is no connection \"%s\"",
			    connection != NULL ? connection : "");
		return;
	}
	json_t *answer_json = json_pack("{s:s, s:I, s:o, s:o}", "version", POSTERN_VERSION,
					"uptime", (json_int_t)((wall - o->started) / 1000000),
					"connections", list, "totals", status_totals(o->ike));
#ifdef POSTERN_FAULTS
	if (answer_json != NULL && o->faults != NULL)
		(void)json_object_set_new(answer_json, "faults", status_faults(o->faults));
#endif
	client_ok(c, answer_json);
}

static void verb_version(struct client *c, json_t *request)
{
	(void)request;
	client_ok(c, json_pack("{s:s, s:b}", "version", POSTERN_VERSION, "faults",
			       c->control->owner.faults != NULL));
}

static void verb_stats(struct client *c, json_t *request)
{
	const struct control_owner *o = &c->control->owner;

	(void)request;
	if (o->stats == NULL) {
		client_ok(c, json_pack("{s:o}", "totals", status_totals(o->ike)));
		return;
	}
	wait_begin(c, WAIT_STATS, NULL, NULL);
	o->stats(o->ctx);
}

static void verb_reload(struct client *c, json_t *request)
{
	const struct control_owner *o = &c->control->owner;

	(void)request;
	wait_begin(c, WAIT_RELOAD, NULL, NULL);
	o->reload(o->ctx);
}

static void verb_log(struct client *c, json_t *request)
{
	(void)request;
	wait_begin(c, WAIT_LOG, NULL, NULL);
	client_send(c, json_pack("{s:b}", "following", 1));
}

#ifdef POSTERN_FAULTS
static void verb_fault(struct client *c, json_t *request)
{
	struct faults *f = c->control->owner.faults;
	const char *set = text_of(request, "set");
	json_t *names = json_array();

	if (set != NULL && faults_set(f, set) != ERR_NONE) {
		client_fail(c,
			    "\"%s\" is no fault: expected NAME, NAME=ARG, NAME=ARG*COUNT or "
			    "NAME=off; see postern fault list",
			    set);
		json_decref(names);
		return;
	}
	for (size_t i = 0; i < FAULT_COUNT; i++)
		(void)json_array_append_new(names,
					    json_pack("{s:s, s:s}", "name", fault_list()[i].name,
						      "help", fault_list()[i].help));
	client_ok(c, json_pack("{s:o, s:o}", "faults", status_faults(f), "known", names));
}
#endif

/* Also in a build that has none, to say so. */
static void verb_of_tests(struct client *c, json_t *request)
{
#ifdef POSTERN_FAULTS
	if (c->control->owner.faults != NULL) {
		verb_fault(c, request);
		return;
	}
#endif
	(void)request;
	client_fail(c, "this posternd was built without faults (-Dfaults=true)");
}

void control_request(struct client *c, json_t *request)
{
	static const struct {
		const char *name;
		void (*run)(struct client *c, json_t *request);
	} verbs[] = {
	    {"up", verb_up},           {"down", verb_down},     {"status", verb_status},
	    {"rekey", verb_rekey},     {"reauth", verb_reauth}, {"reload", verb_reload},
	    {"version", verb_version}, {"stats", verb_stats},   {"log", verb_log},
	    {"fault", verb_of_tests},
	};
	const char *verb = text_of(request, "verb");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && verb != NULL; i++) {
		if (strcmp(verbs[i].name, verb) == 0) {
			verbs[i].run(c, request);
			return;
		}
	}
	client_fail(c, "\"%s\" is no verb", verb != NULL ? verb : "");
}
