/* RFC 7296 2.25, cell by cell: what a request meets when we have one of our own under way, and the
 * very answer that it gets. */
#include "ike/child.h"
#include "script.h"

enum op {
	NOTHING,
	CREATE_CHILD,
	REKEY_CHILD,
	DELETE_CHILD,
	REKEY_IKE,
	DELETE_IKE,
	REKEY_STRANGE,
	DELETE_STRANGE
};
enum answer { EMPTY, WITH_SA, WITH_DELETE, TEMPORARY, NOT_FOUND };

struct cell {
	enum op ours; /* under way at A */
	enum op theirs;
	enum answer answer;
	const char *what;
};

static const struct cell cells_of_children[] = {
    {NOTHING, REKEY_STRANGE, NOT_FOUND, "rekey of a Child SA that does not exist"},
    {NOTHING, DELETE_STRANGE, EMPTY, "Delete of a Child SA that does not exist"},
    {NOTHING, REKEY_CHILD, WITH_SA, "rekey of a Child SA"},
    {NOTHING, DELETE_CHILD, WITH_DELETE, "Delete of a Child SA"},
    {DELETE_CHILD, REKEY_CHILD, TEMPORARY, "rekey of a Child SA that is being closed"},
    {DELETE_CHILD, DELETE_CHILD, EMPTY, "Delete of a Child SA that is being closed"},
    {REKEY_CHILD, REKEY_CHILD, WITH_SA, "rekey of a Child SA that is being rekeyed"},
    {REKEY_CHILD, DELETE_CHILD, WITH_DELETE, "Delete of a Child SA that is being rekeyed"},
    {CREATE_CHILD, CREATE_CHILD, WITH_SA, "creation while another is under way"},
    {CREATE_CHILD, DELETE_CHILD, WITH_DELETE, "Delete during a creation"},
};

static const struct cell cells_of_ike[] = {
    {NOTHING, REKEY_IKE, WITH_SA, "rekey of the IKE SA"},
    {NOTHING, DELETE_IKE, EMPTY, "Delete of the IKE SA"},
    {CREATE_CHILD, REKEY_IKE, TEMPORARY, "IKE rekey while a Child SA is created"},
    {REKEY_CHILD, REKEY_IKE, TEMPORARY, "IKE rekey while a Child SA is rekeyed"},
    {DELETE_CHILD, REKEY_IKE, TEMPORARY, "IKE rekey while a Child SA is closed"},
    {CREATE_CHILD, DELETE_IKE, EMPTY, "IKE Delete while a Child SA is created"},
    {REKEY_CHILD, DELETE_IKE, EMPTY, "IKE Delete while a Child SA is rekeyed"},
    {DELETE_CHILD, DELETE_IKE, EMPTY, "IKE Delete while a Child SA is closed"},
    {REKEY_IKE, REKEY_IKE, WITH_SA, "IKE rekey while it is rekeyed"},
    {REKEY_IKE, DELETE_IKE, EMPTY, "IKE Delete while it is rekeyed"},
    {REKEY_IKE, CREATE_CHILD, TEMPORARY, "creation while the IKE SA is rekeyed"},
    {REKEY_IKE, REKEY_CHILD, TEMPORARY, "Child rekey while the IKE SA is rekeyed"},
    {REKEY_IKE, DELETE_CHILD, WITH_DELETE, "Child Delete while the IKE SA is rekeyed"},
    {DELETE_IKE, REKEY_IKE, TEMPORARY, "IKE rekey while it is closed"},
    {DELETE_IKE, DELETE_IKE, EMPTY, "IKE Delete while it is closed"},
    {DELETE_IKE, CREATE_CHILD, TEMPORARY, "creation while the IKE SA is closed"},
    {DELETE_IKE, REKEY_CHILD, TEMPORARY, "Child rekey while the IKE SA is closed"},
    {DELETE_IKE, DELETE_CHILD, WITH_DELETE, "Child Delete while the IKE SA is closed"},
};

/* A and B with two children, of which the first is up. */
static void set_up(struct sim *sim)
{
	struct sim_wish a = config_usual, b;

	peer_add(sim, "A");
	peer_add(sim, "B");
	a.n_children = 2;
	a.children[1] = a.children[0];
	a.children[1].name = "two";
	a.children[1].policy = 2;
	a.children[1].local = "10.1.1.0/24";
	b = config_mirror(&a);
	peer_connection(sim->peers[0], config_make(sim->peers[0], sim->peers[1], &a));
	peer_connection(sim->peers[1], config_make(sim->peers[1], sim->peers[0], &b));
	peer_start(sim->peers[0]);
	peer_start(sim->peers[1]);
	ike_up(sim->peers[0]->ike, "net", "one", peer_now(sim->peers[0]));
	sim_run(sim, 5 * SECOND);
	script_expect(sim, plane_count(&sim->peers[0]->plane) == 1, "no tunnel");
}

static void begin_ours(struct sim_peer *p, enum op op)
{
	const uint64_t now = peer_now(p);

	if (op == CREATE_CHILD)
		ike_up(p->ike, "net", "two", now);
	else if (op == REKEY_CHILD || op == REKEY_IKE)
		ike_rekey(p->ike, "net", op == REKEY_CHILD ? "one" : NULL, now);
	else if (op == DELETE_CHILD || op == DELETE_IKE)
		ike_down(p->ike, "net", op == DELETE_CHILD ? "one" : NULL, now);
}

static void write_theirs(struct sim_peer *p, struct ike_sa *sa, struct message *m, enum op op)
{
	const struct child_sa *c = CONTAINER_OF(sa->children.next, struct child_sa, of_sa);
	const uint32_t spi = op == REKEY_STRANGE || op == DELETE_STRANGE ? 0x01020399 : c->spi_in;

	if (op == CREATE_CHILD || op == REKEY_CHILD || op == REKEY_STRANGE) {
		script_create(p, sa, m, BYTES_LITERAL("\1\2\3\4"), op == CREATE_CHILD ? 0 : spi);
		return;
	}
	if (op == REKEY_IKE) {
		script_create(p, sa, m, BYTES_LITERAL("\1\2\3\4\5\6\7\x8"), 0);
		return;
	}
	script_begin(p, sa, m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
	struct writer *w = message_payload_begin(m, PAYLOAD_DELETE);
	if (op == DELETE_IKE)
		delete_write_ike(w);
	else
		delete_write_child(w, PROTOCOL_ESP, &spi, 1);
	message_payload_end(m);
}

/* B's request arrives while A's is still on its way. */
static void meet(struct sim *sim, const struct cell *c)
{
	struct sim_peer *a, *b;
	struct message m;

	set_up(sim);
	a = sim->peers[0];
	b = sim->peers[1];
	struct ike_sa *sa = peer_sa(b);
	if (sa == NULL || sim->failed)
		return;
	struct script_filter f = {.response = true, .from = a, .reader = sa};
	begin_ours(a, c->ours);
	sim_run(sim, 5 * MS);
	script_drop(sim, &f);
	write_theirs(b, sa, &m, c->theirs);
	script_deliver(b, sa, &m, a);
	sim_run(sim, 4 * MS);
	sim->hook = NULL;
	const uint16_t notify = c->answer == TEMPORARY   ? NOTIFY_TEMPORARY_FAILURE
				: c->answer == NOT_FOUND ? NOTIFY_CHILD_SA_NOT_FOUND
							 : 0;
	script_expect(sim, f.opened == 1, "it is not answered");
	if (f.inner_notify != notify)
		sim_fail(sim, "the answer says %u, not %u", f.inner_notify, notify);
	script_expect(sim, f.inner_sa == (c->answer == WITH_SA), "an SA payload too many or few");
	script_expect(sim, f.inner_delete == (c->answer == WITH_DELETE),
		      "a Delete payload too many or few");
}

static void all(struct sim *sim, const struct cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sim *one = sim_new(sim->seed + i, sim->trace);
		meet(one, &cells[i]);
		if (one->failed)
			sim_fail(sim, "%s: %s", cells[i].what, one->reason);
		sim_free(one);
	}
}

static void of_children(struct sim *sim)
{
	all(sim, cells_of_children, sizeof(cells_of_children) / sizeof(cells_of_children[0]));
}

static void of_ike(struct sim *sim)
{
	all(sim, cells_of_ike, sizeof(cells_of_ike) / sizeof(cells_of_ike[0]));
}

const struct script scripts_cells[] = {
    {"rfc7296-2.25.1-the-answer-of-each-cell", of_children},
    {"rfc7296-2.25.2-the-answer-of-each-cell", of_ike},
};
const size_t n_scripts_cells = sizeof(scripts_cells) / sizeof(scripts_cells[0]);
