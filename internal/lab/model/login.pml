/*
 * A model of the agent's logins: what may happen in which order, for spin to search
 * through all of it. Each process names the code that it stands for.
 *
 * What only takes time there is left out. What ends by a time limit there may end at
 * any moment here, and what may fail may fail. Nothing counts: the third refusal, which
 * begins a pause, is any refusal. A cancel counts from the moment that it is taken,
 * which is before it is answered.
 *
 * The names of the steps are those that the agent logs at debug level
 * (agent/login/trace.go): with TRACE, only what a recorded run did is possible. MUTANT
 * breaks the model in one place, for a test that must find it broken.
 *
 * Not in it: pin.session, a PIN pad, and sites that become allowed, or are forgotten,
 * while their request waits.
 */

#ifndef PAGES
#define PAGES 2		/* pages, each of which asks again and again */
#endif
#ifndef ALLOWED
#define ALLOWED 1	/* so many of them, the first ones, are of allowed sites */
#endif
#ifndef PLACES
#define PLACES 1	/* in each line; the agent has 8 */
#endif
#ifndef DOMAIN
#define DOMAIN(i) (i)	/* the registrable domain of a page's site, less than PAGES */
#endif
#ifndef MUTANT
#define MUTANT 0
#endif

#define allowed(i) ((i) < ALLOWED)
#define OFFER PAGES	/* as holder of the lease: the question whether to allow a site always */
#define NOBODY 255

mtype:step = {
	nothing,
	/* agent/page.go */
	sent, cancelled, token_sent, error_sent,
	/* agent/login/queue.go */
	queued, leased, turned_away, withdrawn, ended_in_line, released,
	/* agent/login/attempt.go, sign.go, always.go */
	consent_asked, consent_given, consent_denied, consent_ended,
	card_asked, card_came, card_denied, card_ended,
	choice_asked, choice_made, choice_denied, choice_ended,
	pin_asked, pin_entered, pin_denied, pin_ended,
	always_asked, always_ended,
	/* pkcs11/job.go */
	job_begun, login_begun, login_right, login_wrong, login_failed, sign_begun, sign_ended, job_ended
};

#ifdef TRACE
mtype:step want = nothing;
byte whose;
#define MAY(s, i) (want == s && whose == (i))	/* first in its atomic, or the only way on */
#define DID want = nothing
#define must(x) (x)	/* what breaks a property is no path */
#else
#define MAY(s, i) true
#define DID skip
#define must(x) assert(x)
#endif

/* Under weak fairness whoever can act for ever would have to at last. A page need not
   cancel, nor a card leave. */
#ifdef LIVENESS
#define need_not :: (quiet || !quiet)	/* spin refuses a bare true */
#else
#define need_not
#endif

/* The pages. */
bit running[PAGES];	/* an authenticate without its answer */
bit taken_back[PAGES];	/* by its page */
bit quiet;		/* no page asks any more */

/* The queue. */
byte holder = NOBODY;	/* of the lease */
bit locked;		/* queue.mu is held; seen with TRACE only, where one atomic has several steps */
chan first = [PLACES] of { byte };
chan others = [PLACES] of { byte };
bit domain_waits[PAGES];
bit paused[PAGES];	/* by domain */
bit offer;		/* it may be made after a login, unless another has the lease */

/* The person's dialog. */
mtype:dialog = { none, consent, insert, choice, pin, always };
mtype:dialog dialog = none;
bit entry;		/* a PIN that the person typed and nobody used: good for one try */

/* The module and the card. */
bit looked_at;		/* a login looks at the card */
byte card;		/* 0: none in the reader; 1: the one that the person is asked about; 2: another */
byte session;		/* the card that the module's session is on; 0: it has ended */
bit open_card;		/* the card has taken a PIN */
byte module_of = NOBODY;
bit job_new;
bit job_entry;
bit job_over;		/* nobody wants the signature any more */
bit job_left;		/* nobody waits for it */
mtype:result = { unknown, signed, wrong, failed };
mtype:result result = unknown;
bit time_up;		/* of the one that has the lease */

#define over(i) (taken_back[i] || (time_up && holder == (i)))

#if MUTANT == 1 /* one line's places for all */
#define no_place(i) (len(first) + len(others) >= PLACES || (!allowed(i) && domain_waits[DOMAIN(i)]))
#else
#define no_place(i) ((allowed(i) && len(first) == PLACES) || (!allowed(i) && (len(others) == PLACES || domain_waits[DOMAIN(i)])))
#endif

#define in_line(i) (first??[eval(i)] || others??[eval(i)])

/* queue.end: those of a domain that wait in a line end. */
inline end_in_line(d, line)
{
	n = 0;
	do
	:: n < PAGES && DOMAIN(n) == d && line??[eval(n)] ->
		MAY(ended_in_line, n);
		line??eval(n);
		DID
	:: n < PAGES && !(DOMAIN(n) == d && line??[eval(n)]) -> n++
	:: n == PAGES -> break
	od;
	n = 0
}

/* queue.worn: what counts against a stranger, and against all of them, is perhaps one
   too many. Then a domain pauses, or all strangers do, and what waits of them ends. */
inline count(i)
{
	if
	:: skip
	:: !allowed(i) ->
		paused[DOMAIN(i)] = 1;
		end_in_line(DOMAIN(i), others);
		domain_waits[DOMAIN(i)] = 0
	:: !allowed(i) ->
		d = ALLOWED;
		do
		:: d < PAGES ->
			paused[DOMAIN(d)] = 1;
			end_in_line(DOMAIN(d), others);
			domain_waits[DOMAIN(d)] = 0;
			d++
		:: d == PAGES -> break
		od;
		d = 0
	fi
}

/* queue.release: the next has the lease before anybody else can come. */
inline release(i)
{
	(!locked && MAY(released, i)) ->
	locked = 1;
	holder = NOBODY;
	time_up = 0;
	DID;
	if
#if MUTANT == 2 /* strangers come first */
	:: nempty(others) -> others?<n>
	:: empty(others) && nempty(first) -> first?<n>
#else
	:: nempty(first) -> first?<n>
	:: empty(first) && nempty(others) -> others?<n>
#endif
	:: empty(first) && empty(others) -> n = NOBODY
	fi;
	if
	:: n == NOBODY
	:: n != NOBODY ->
		MAY(leased, n);
		/* Allowed sites come first: what others send puts nothing before them. */
		must(allowed(n) || empty(first));
		if
		:: allowed(n) -> first?_
		:: else -> others?_; domain_waits[DOMAIN(n)] = 0
		fi;
		holder = n;
		DID
	fi;
	n = 0;
	locked = 0
}

/* A dialog opens, whether or not its page has gone meanwhile. */
inline ask(i, kind, s)
{
	MAY(s, i) ->
	must(dialog == none);	/* one dialog at a time */
	dialog = kind;
	DID
}

/* page.authenticate, and what it calls: login.authenticate. */
proctype Login(byte i)
{
	byte n, d;
	bit agreed, good, refusal;

end:	do
	:: atomic {
		(!quiet && MAY(sent, i)) ->
		running[i] = 1;
		DID
	};
	/* queue.acquire */
	atomic {
		if
		:: !locked && taken_back[i] -> goto counted
		:: !locked && paused[DOMAIN(i)] && MAY(turned_away, i) ->
			DID; goto answer_page
		:: !locked && !paused[DOMAIN(i)] && holder == NOBODY && MAY(leased, i) ->
			holder = i; offer = 0; DID; goto attempt
		:: !locked && !paused[DOMAIN(i)] && holder != NOBODY && no_place(i) && MAY(turned_away, i) ->
			/* Others take no place of an allowed site. */
			must(!allowed(i) || len(first) == PLACES);
			DID; goto answer_page
		:: !locked && !paused[DOMAIN(i)] && holder != NOBODY && !no_place(i) && MAY(queued, i) ->
			if
			:: allowed(i) -> first!i
			:: else -> others!i; domain_waits[DOMAIN(i)] = 1
			fi;
			DID
		fi
	};
	/* It waits for the lease, for a refusal of its site, its page, or the time limit. */
	atomic {
		if
		:: holder == i -> goto attempt
		:: holder == i -> goto leave	/* its time was up in the same moment */
		:: !locked && holder != i && !in_line(i) -> goto answer_page	/* ended_in_line */
#ifdef LIVENESS /* an allowed site comes to its turn without the time limit, too */
		:: !locked && in_line(i) && (taken_back[i] || !allowed(i)) && MAY(withdrawn, i) ->
#else
		:: !locked && in_line(i) && MAY(withdrawn, i) ->
#endif
			if
			:: allowed(i) -> first??eval(i)
			:: else -> others??eval(i); domain_waits[DOMAIN(i)] = 0
			fi;
			DID;
			goto counted
		fi
	};

	/* steps: consent */
attempt:
	/* It pauses by now, the person said never, or it is asked about. */
#if MUTANT != 3 /* 3: a site that was never asked about */
	if
	:: allowed(i) -> goto the_card
	:: !allowed(i) -> goto leave
	:: !allowed(i)
	fi;
	atomic { ask(i, consent, consent_asked) };
	atomic {
		if
		:: MAY(consent_given, i) -> dialog = none; agreed = 1; DID
		:: MAY(consent_denied, i) -> dialog = none; refusal = 1; DID; goto leave
		:: MAY(consent_ended, i) -> dialog = none; DID; goto leave
		fi
	};
#endif

	/* steps: card */
the_card:
	atomic {
		looked_at = 1;
		if
		:: module_of == NOBODY -> card = 1
		:: skip
		fi;
		if
		:: card == 1 -> goto the_certificate
		:: card != 1
		:: goto leave	/* the cards cannot be read, or nobody waits any more */
		fi
	};
ask_card:
	atomic { ask(i, insert, card_asked) };
	atomic {
		if
#if MUTANT == 9 /* the dialog stands beside the next one */
		:: card == 1 && MAY(card_came, i) -> DID
#else
		:: card == 1 && MAY(card_came, i) -> dialog = none; DID
#endif
		:: MAY(card_denied, i) -> dialog = none; refusal = 1; DID; goto leave
		:: MAY(card_ended, i) -> dialog = none; DID;
			if
			:: goto leave
			:: !over(i) -> goto ask_card	/* the reader came or went */
			fi
		fi
	};

	/* steps: choose */
the_certificate:
	atomic {
		if
		:: goto leave	/* none fits */
		:: goto the_module
		:: skip
		fi;
		ask(i, choice, choice_asked)
	};
	atomic {
		if
		:: MAY(choice_made, i) -> dialog = none; DID
		:: MAY(choice_denied, i) -> dialog = none; refusal = 1; DID; goto leave
		:: MAY(choice_ended, i) -> dialog = none; DID;
			if
			:: goto leave
			:: !over(i)	/* it was made in the menu */
			fi
		fi
	};

	/* Pool.prepare, which opens the session before the person types */
the_module:
	atomic {
		if
		:: module_of == NOBODY && card == 1 ->
			if
			:: session = 1
			:: session = 0	/* where no reading holds, it is opened with the PIN */
			fi
		:: module_of == NOBODY || over(i) -> goto leave
		fi
	};
	/* job.askPIN */
ask_pin:
	atomic {
		/* No PIN is asked for on behalf of a site that the person did not agree to. */
		must(allowed(i) || agreed);
		ask(i, pin, pin_asked)
	};
	atomic {
		if
		:: MAY(pin_entered, i) -> dialog = none; entry = 1; DID
		:: MAY(pin_denied, i) -> dialog = none; refusal = 1; DID; goto leave
		:: MAY(pin_ended, i) -> dialog = none; DID;
			if
			:: goto leave
			:: !over(i) -> goto ask_pin	/* the card has other tries than are shown */
			fi
		fi
	};
	/* job.run */
	atomic {
		if
		:: entry = 0;
			if
			:: goto leave
			:: !over(i) -> goto the_module	/* no card has a PIN so short */
			fi
		:: module_of == NOBODY && MAY(job_begun, i) ->
			module_of = i;
			job_new = 1;
			job_entry = entry;
			entry = 0;
			job_over = over(i);
			DID
		fi
	};
	/* Whoever gives up leaves the call to run out. */
	atomic {
		if
		:: result == signed -> good = 1
		:: result == failed
		:: result == wrong ->
			if
			:: over(i)
			:: else -> result = unknown; goto the_module
			fi
		:: result == unknown && over(i) -> job_left = 1
		fi;
		result = unknown
	};

	/* authenticate: what it counts for, and the end of the lease */
leave:
	atomic {
		!locked ->
		entry = 0;
		looked_at = 0;
		if
		:: module_of == NOBODY -> session = 0; card = 0	/* job.abandon */
		:: else
		fi;
		if
		:: good && !over(i) -> refusal = 0
		:: else -> good = 0
		fi;
		if
		:: time_up -> refusal = 1	/* the person ended it, between two questions */
		:: skip
		fi;
		if
		:: refusal && !taken_back[i] -> /* its requests that wait end with it */
			locked = 1;
			if
			:: allowed(i) -> end_in_line(DOMAIN(i), first)
			:: !allowed(i) -> end_in_line(DOMAIN(i), others); domain_waits[DOMAIN(i)] = 0
			fi;
			locked = 0
		:: else
		fi
	};
	atomic {
		if
		:: !locked && good
		:: !locked && !good -> locked = 1; count(i); locked = 0
		fi;
		refusal = 0;
		release(i);
		goto answer_page
	};
counted:
	atomic {
		!locked ->
		locked = 1;
		count(i);
		locked = 0
	};

	/* page.authenticate: the answer, unless the page took its request back */
answer_page:
	atomic {
		if
#if MUTANT == 4 /* the answer that was made before the cancel is sent after it */
		:: good && MAY(token_sent, i) ->
#else
		:: good && !taken_back[i] && MAY(token_sent, i) ->
#endif
			/* Nothing is sent after a cancel. */
			must(!taken_back[i]);
			if
			:: !allowed(i) && holder == NOBODY -> offer = 1
			:: else
			fi;
			DID
		:: (!good || taken_back[i]) && MAY(error_sent, i) -> DID
		fi;
		agreed = 0;
		good = 0;
		taken_back[i] = 0;
		running[i] = 0
	}
	od
}

/* The page, which may take its request back at any moment: by `cancel`, or by going. */
proctype Page(byte i)
{
end:	do
	:: atomic {
		(running[i] && !taken_back[i] && MAY(cancelled, i)) ->
		taken_back[i] = 1;
		if
		:: module_of == i && !job_left -> job_over = 1
		:: else
		fi;
		DID
	   }
	need_not
	od
}

/* The time limit of a request; and the person, who may end it where its window stands
   between two questions (prompt.Begin). */
proctype Clock()
{
end:	do
	:: atomic {
		holder < PAGES && !time_up ->
		time_up = 1;
		if
		:: module_of == holder && !job_left -> job_over = 1
		:: else
		fi
	   }
	od
}

/* The end of a pause. */
proctype Pause(byte d)
{
end:	do
	:: atomic { paused[d] -> paused[d] = 0 }
	need_not
	od
}

/* While one looks: the card leaves, or another one comes, at any moment, and no
   session outlasts it. */
#define moves (looked_at || module_of != NOBODY)
proctype Reader()
{
end:	do
	:: atomic { moves && card != 0 -> card = 0; session = 0; open_card = 0 }
	:: atomic { moves && card == 0 -> card = 1 }
	:: atomic { moves && card == 0 -> card = 2 }
	need_not
	od
}

/* The module's process (pkcs11/child_role.go) ends at any moment, and leaves the card
   as it is. It is started anew when it is needed. */
proctype Child()
{
end:	do
	:: atomic { session != 0 -> session = 0 }
	need_not
	od
}

/* pkcs11/job.go: the signature, with the module's lease, whoever still waits for it. */
proctype Module()
{
	byte i = NOBODY;
	mtype:result made = failed;

end:	do
	/* confirm: the card that the person was asked about */
	:: atomic {
		job_new ->
		job_new = 0;
		i = module_of;
		if
		:: card == 1
		:: goto close
		fi
	};
	/* ensureSession, sameCard: nothing was sent until here */
	atomic {
		if
		:: session != 0
		:: session == 0 -> session = card
		:: goto close
		fi;
#if MUTANT != 5 /* 5: the card in a session that was opened anew is not looked at */
		if
		:: session == 1
		:: session != 1 -> goto close
		fi;
#endif
again:
		if
		:: job_over -> goto close
		:: !job_over && MAY(login_begun, i) ->
			/* No try without an entry by the person. */
			must(job_entry);
			/* Nor on another card than the one that the person was asked about. */
			must(session == 0 || session == 1);
#if MUTANT != 6 /* 6: the entry is used once more after a wrong PIN */
			job_entry = 0;
#endif
			DID
		fi
	};
	atomic {
		if
		:: session != 0 && MAY(login_right, i) -> open_card = 1; DID
#if MUTANT == 6
		:: session != 0 && MAY(login_wrong, i) -> job_entry = 0; DID; goto again
#else
		:: session != 0 && MAY(login_wrong, i) -> made = wrong; DID; goto close
#endif
		:: MAY(login_failed, i) ->
			if
			:: made = failed
			:: made = wrong		/* what the card made of it is not known: the person decides */
			:: open_card = (session != 0)
			fi;
			DID;
			goto close
		fi
#if MUTANT == 7 /* the cancel is looked at before the key is, and not after it */
;
		if
		:: job_over -> goto close
		:: !job_over
		fi
	};
	atomic {
		if
		:: MAY(sign_begun, i) ->
#else
	};
	/* The key is looked for. Then comes the last look at who waits. */
	atomic {
		if
		:: job_over -> goto close
		:: !job_over && MAY(sign_begun, i) ->
#endif
			/* No signature after a cancel. */
			must(!job_over);
			DID
		:: goto close
		fi
	};
	atomic {
		if
		:: session != 0 && MAY(sign_ended, i) -> made = signed; DID
		:: skip
		fi;
		/* The card is logged out and reset, the session closed. */
close:
		MAY(job_ended, i) ->
#if MUTANT != 8 /* 8: the card is left as it is */
		open_card = 0;
#endif
		session = 0;
		/* The card is closed when others may use it. */
		must(!open_card);
		if
		:: job_left && !looked_at -> card = 0
		:: job_left
		:: else -> result = made
		fi;
		i = NOBODY;
		made = failed;
		job_entry = 0;
		job_over = 0;
		job_left = 0;
		module_of = NOBODY;
		DID
	}
	od
}

/* agent/login/always.go: asks whether to allow a site always, and makes way at once. */
proctype Offer()
{
	byte n;
end:	do
	:: atomic {
		(offer && !locked && holder == NOBODY && MAY(leased, OFFER)) ->
		offer = 0;
		holder = OFFER;
		DID
	   };
	   atomic { ask(OFFER, always, always_asked) };
#if MUTANT == 11 /* it stands until a login wants the lease */
	   atomic { (nempty(first) || nempty(others)) && MAY(always_ended, OFFER) -> dialog = none; DID; release(OFFER) }
#else
	   atomic { MAY(always_ended, OFFER) -> dialog = none; DID; release(OFFER) }
#endif
	:: atomic { offer -> offer = 0 }
	od
}

/* Pages need not go on asking. */
proctype Quiet()
{
	if
	:: quiet = 1
	:: skip
	fi
}

init
{
	byte i = 0;
	atomic {
		do
		:: i < PAGES ->
			run Login(i);
			run Page(i);
			if
			:: allowed(i)
			:: else -> run Pause(i)
			fi;
			i++
		:: i == PAGES -> break
		od;
		i = 0;
#if MUTANT != 10 /* 10: a request has no time limit */
		run Clock();
#endif
		run Reader();
		run Child();
		run Module();
		run Offer();
#ifdef QUIET
		run Quiet();
#endif
#ifdef TRACE
		run Observer()
#endif
	}
}

/* Whatever the others do, the request of an allowed site ends; and so does each. */
ltl allowed_ends { [] (running[0] -> <> !running[0]) }
ltl all_end { [] (running[PAGES - 1] -> <> !running[PAGES - 1]) }

/* Once no page asks any more everything comes to rest, from wherever it was. */
#define idle (holder == NOBODY && !locked && module_of == NOBODY && dialog == none && !open_card && !session && !running[0] && !running[1] && !running[PAGES - 1])
ltl rest { [] (quiet -> <> idle) }
