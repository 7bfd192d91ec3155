package bench

// Rows are what `make bench` measures. The targets are those that the project was asked to
// reach.
var Rows = []Row{
	{Name: "apdus", What: "commands to the card from click to token", Package: "./internal/lab/e2e", Benchmark: "BenchmarkClick",
		Ours: "agent-APDUs", Beside: "bare-APDUs", BesideWhat: "a program without an agent", Ratio: true, Runs: 2, AtMost: 1.1},
	{Name: "pin-to-token", What: "from the PIN to the token, 20 ms a command", Package: "./internal/lab/e2e", Benchmark: "BenchmarkClick",
		Ours: "agent-ms", Beside: "bare-ms", BesideWhat: "a program without an agent", Ratio: true, Runs: 2, AtMost: 1.15},
	{Name: "click-to-pinentry", What: "from the frame that asks to GETPIN at a pinentry program, card read", Package: "./internal/lab/e2e", Benchmark: "BenchmarkClick",
		Ours: "pinentry-ms", Runs: 2, AtMost: 60},
	{Name: "click-to-window", What: "from the frame that asks to our window's first word to the display, card read", Package: "./internal/lab/e2e", Benchmark: "BenchmarkPINWindow",
		Ours: "agent-ms", Runs: 2, AtMost: 60},
	{Name: "verify-rsa", What: "tokens verified on a core, RSA-2048", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=RSA-2048",
		Ours: "verifier-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 0.95},
	{Name: "verify-p256", What: "tokens verified on a core, P-256", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-256",
		Ours: "verifier-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 0.95},
	{Name: "verify-p384", What: "tokens verified on a core, P-384", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-384",
		Ours: "verifier-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 0.95},
	{Name: "remembered-rsa", What: "the same with issuers remembered, RSA-2048", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=RSA-2048",
		Ours: "remembering-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 1.3},
	{Name: "remembered-p256", What: "the same with issuers remembered, P-256", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-256",
		Ours: "remembering-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 1.3},
	{Name: "remembered-p384", What: "the same with issuers remembered, P-384", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-384",
		Ours: "remembering-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 1.3},

	{Name: "softhsm-login", What: "page's request to token with SoftHSM, log-in and log-out each time", Package: "./internal/lab/floor", Benchmark: "BenchmarkSoftHSMLogin",
		Ours: "agent-ms", Beside: "bare-ms", BesideWhat: "a socket, the module's calls, JSON", Ratio: true, AtMost: 1.5,
		Shortfall: "The card is read before the PIN, because PC/SC says nothing of SoftHSM's slots, and each of 8 round trips to the module's process waits for a processor twice. " +
			"Calls that go together are one trip, a third reading is gone, and one that finds nothing changed is one trip, with the session's state. The reading after the PIN stays, because only it shows that no PIN goes to another token; what is left is mostly SoftHSM's own calls of the two, each of which looks at its files."},
	{Name: "session-rsa", What: "signature in a kept login, RSA-2048", Package: "./internal/lab/floor", Benchmark: "BenchmarkCardSession/key=RSA-2048",
		Ours: "agent-ms", Beside: "bare-ms", BesideWhat: "a socket, C_Sign, JSON", Ratio: true, AtMost: 1.35, Shortfall: sessionShortfall},
	{Name: "session-p256", What: "signature in a kept login, P-256: milliseconds more", Package: "./internal/lab/floor", Benchmark: "BenchmarkCardSession/key=P-256",
		Ours: "agent-ms", Beside: "bare-ms", BesideWhat: "a socket, C_Sign, JSON", Difference: true, AtMost: 0.2, Shortfall: sessionShortfall},
	{Name: "fortify", What: "signature in a kept login beside Fortify's core", Package: "./internal/lab/floor", Benchmark: "BenchmarkFortify",
		Ours: "agent-ms", Beside: "fortify-ms", BesideWhat: "Fortify's core over its own socket", Ratio: true, AtMost: 0.125,
		Needs: "FORTIFY", NeedsWhat: "a folder with webcrypto-local, built from its repository"},

	{Name: "menu-out", What: "a card is taken out, and the menu says so", Package: "./internal/lab/e2e", Benchmark: "BenchmarkCardToMenu", Ours: "out-ms", NoTarget: true, Runs: 1},
	{Name: "menu-read", What: "a card is inserted, and the menu names its holder (OpenSC, virtual CPS3)", Package: "./internal/lab/e2e", Benchmark: "BenchmarkCardToMenu", Ours: "read-ms", NoTarget: true, Runs: 1},
	{Name: "menu-follows", What: "a card comes or goes with a module that answers at once, and the menu says so", Package: "./tray", Benchmark: "BenchmarkMenuFollows", Ours: "menu-ms", NoTarget: true, Runs: 1},
	{Name: "connection", What: "the agent's processor time for a connection with a request", Package: "./internal/lab/e2e", Benchmark: "BenchmarkConnection", Ours: "agent-us", NoTarget: true, Runs: 1},

	{Name: "portal-logins", What: "logins a second at the portal on two cores, SQLite", Package: "./portal", Benchmark: "BenchmarkLogins",
		Ours: "portal-logins/s", Beside: "bare-logins/s", BesideWhat: "the verifier alone behind net/http", Ratio: true, Runs: 1, AtLeast: 0.5,
		Shortfall: "a login is on the disk twice before it is answered, its nonce and its session, which nothing may weaken: logins that come together share that, statements are read once, and what remains is SQLite's own work"},
	{Name: "portal-million", What: "the same with a million old rows", Package: "./portal", Benchmark: "BenchmarkLogins",
		Ours: "million-logins/s", Beside: "portal-logins/s", BesideWhat: "the same without them", Ratio: true, Runs: 1, AtLeast: 0.9,
		Shortfall: "the rows are being deleted meanwhile, for a tenth of the database's time"},
	{Name: "portal-tail", What: "99 of 100 logins at half that load, SQLite", Package: "./portal", Benchmark: "BenchmarkLogins",
		Ours: "portal-ms", Beside: "bare-ms", BesideWhat: "the verifier alone at half its own load", Ratio: true, Runs: 1, NoTarget: true},
	{Name: "portal-million-tail", What: "the same with a million old rows", Package: "./portal", Benchmark: "BenchmarkLogins",
		Ours: "million-ms", Beside: "portal-ms", BesideWhat: "the same without them", Ratio: true, Runs: 1, AtMost: 1.25, Shortfall: tailShortfall},

	{Name: "postgresql-logins", What: "logins a second at the portal on two cores, PostgreSQL", Package: "./portal", Benchmark: "BenchmarkLoginsPostgreSQL",
		Ours: "portal-logins/s", Beside: "bare-logins/s", BesideWhat: "the verifier alone behind net/http", Ratio: true, Runs: 1, AtLeast: 0.5,
		Shortfall: "the database's server is on the same two cores; a login is two statements there, of eight before"},
	{Name: "postgresql-million", What: "the same with a million old rows", Package: "./portal", Benchmark: "BenchmarkLoginsPostgreSQL",
		Ours: "million-logins/s", Beside: "portal-logins/s", BesideWhat: "the same without them", Ratio: true, Runs: 1, AtLeast: 0.9,
		Shortfall: "the rows are being deleted meanwhile, for a tenth of the database's time"},
	{Name: "postgresql-tail", What: "99 of 100 logins at half that load, PostgreSQL", Package: "./portal", Benchmark: "BenchmarkLoginsPostgreSQL",
		Ours: "portal-ms", Beside: "bare-ms", BesideWhat: "the verifier alone at half its own load", Ratio: true, Runs: 1, NoTarget: true},
	{Name: "postgresql-million-tail", What: "the same with a million old rows", Package: "./portal", Benchmark: "BenchmarkLoginsPostgreSQL",
		Ours: "million-ms", Beside: "portal-ms", BesideWhat: "the same without them", Ratio: true, Runs: 1, AtMost: 1.25, Shortfall: tailShortfall},
	{Name: "start", What: "process start to listening, a reader and no card", Package: "./internal/lab/weight", Benchmark: "BenchmarkStart",
		Ours: "agent-ms", Beside: "version-ms", BesideWhat: "the same program that prints its version", Runs: 2, AtMost: 30, Shortfall: startShortfall},
	{Name: "start-processor", What: "processor time of the process until it listens", Package: "./internal/lab/weight", Benchmark: "BenchmarkStart",
		Ours: "processor-ms", Beside: "versionprocessor-ms", BesideWhat: "the same program that prints its version", Runs: 2, AtMost: 25, Shortfall: startShortfall},
	{Name: "memory", What: "memory idle of agent and module, shared pages in proportion", Package: "./internal/lab/weight", Benchmark: "BenchmarkMemory",
		Ours: "both-MB", Runs: 1, Quiet: true, AtMost: 25,
		Shortfall: "Half of it is the program's own file, in two processes, of which the kernel maps sixteen pages around each that is used; some 8 MB are the libraries of OpenSC (libcrypto, GLib), which a desktop's programs have open too, and here nothing does; " +
			"some 8 MB are what the two processes write. Measured beside other programs that have those libraries open, it is 25 MB. " +
			"GTK waits until something is shown, as texts and tables do until they are used, and half as much garbage lies as Go usually lets lie; a smaller program for the module's process alone would be a second one to install, and was not made."},
	{Name: "memory-menu", What: "the same with the menu on a display", Package: "./internal/lab/weight", Benchmark: "BenchmarkMenu",
		Ours: "all-MB", Runs: 1, Quiet: true, AtMost: 50,
		Shortfall: "Half of it is the menu's process, of which GTK and what it loads are some 15 MB: on a desktop whose programs use GTK too, they share that, and here nothing does. " +
			"GTK is loaded by the menu and a dialog alone; a menu without it would be one of our own. That the program may lie at any address costs 1.4 MB in each of the three processes, which is not given up."},
	{Name: "idle", What: "clock ticks of agent and module in a minute, idle, with a card", Package: "./internal/lab/weight", Benchmark: "BenchmarkIdle",
		Ours: "idle-ticks", Runs: 1, Alone: true, AtMost: 0},
	{Name: "size", What: "the agent as it is installed, stripped", Package: "./internal/lab/weight", Benchmark: "BenchmarkSize",
		Ours: "agent-MB", Runs: 1, AtMost: 12.0,
		Shortfall: "18.0 MB before html/template, which kept each method, HTTP/2 and wide alignment went. A program that may lie at any address costs 1.4 MB of relocations, which packed need a C library of 2.36 while 2.34 is supported; the rest is TLS, HTTP and our own code"},

	{Name: "click-to-page", What: "click to logged-in page in Chromium, the dialog answered at once", Package: "./internal/lab/e2e", Benchmark: "BenchmarkClickToPage/login=in_Chromium",
		Ours: "agent-ms", Beside: "echo-ms", BesideWhat: "click to the echo on a socket", Ratio: true, Runs: 2, AtMost: 3,
		Shortfall: "An echo loads no page and shows none. Chromium alone needs some five echoes to go from one page of a button to another, which the next row measures; the portal's page, which has text, style and a script, takes it as long again, and the plot below shows where the rest is: " +
			"the dialog's process, two requests to the portal with a disk write each, and 9 ms of a login on SoftHSM. The page's files are kept by the browser, packed and never asked for again; the window is prepared while the card is looked at. The challenge is fetched once the agent answers, and not before, because a browser's question may stand for longer than a nonce is valid."},
	{Name: "navigation", What: "Chromium from one page of a button to another", Package: "./internal/lab/e2e", Benchmark: "BenchmarkClickToPage/login=in_Chromium",
		Ours: "navigation-ms", Beside: "echo-ms", BesideWhat: "click to the echo on a socket", Ratio: true, Runs: 2, NoTarget: true},
	{Name: "page-memory", What: "an agent's memory for each of 256 open pages", Package: "./internal/lab/e2e", Benchmark: "BenchmarkPages/pages=256",
		Ours: "agent-kB", Runs: 2, AtMost: 20},
	{Name: "login-among-pages", What: "a login among 256 open pages", Package: "./internal/lab/e2e", Benchmark: "BenchmarkPages/pages=256",
		Ours: "agent-ms", Beside: "alone-ms", BesideWhat: "one alone", Ratio: true, Runs: 2, AtMost: 1.1},
	{Name: "library-bytes", What: "the page's library on the wire", Package: "./js", Benchmark: "BenchmarkLibrary",
		Ours: "library-kB", Runs: 1, AtMost: 6},
	{Name: "library-dial", What: "the page's main thread until the library's first dial: milliseconds more", Package: "./js", Benchmark: "BenchmarkLibrary",
		Ours: "library-ms", Beside: "measuring-ms", BesideWhat: "the same measured with nothing to load and dial", Difference: true, Runs: 1, AtMost: 5,
		Shortfall: "Nearly half of it is what Chromium takes for any module (the next row). The rest is compiling 13 kB, and what must be known before the first dial: the browser's permission, and the port that served last, whose store Chromium opens then (0.5 ms)."},
	{Name: "library-one-line", What: "the same with a module of one line that dials", Package: "./js", Benchmark: "BenchmarkLibrary",
		Ours: "oneline-ms", Beside: "measuring-ms", BesideWhat: "the same measured with nothing to load and dial", Difference: true, Runs: 1, NoTarget: true},
}

// tailShortfall is of the slowest logins while old rows go.
const tailShortfall = "the rows are being deleted meanwhile, a hundred at a time: one login in some waits for such a batch"

// startShortfall is of a start.
const startShortfall = "All but some 2 ms of it, and 6 to 8 ms of processor time, is the start of the same program that prints its version: kernel and loader (more than half of its processor time: pages that are touched, and 58,000 addresses set because the program may lie at any address, which takes 4 ms and is not given up), " +
	"Go's runtime, and what packages set up (4.6 ms). The texts of help, GTK, the keyring and the modules wait until they are used."

// sessionShortfall is of a signature in a card session.
const sessionShortfall = "The bare program has its module in its own process. Ours makes 3 round trips to the module's: that the card session stands, before the person is asked and after, and the signature, " +
	"which is then verified against the certificate. Readings, searches for the key, a check of the token and the third and fourth reading of the holder's name (0.1 ms) are gone from it; a trip is two processes that wait for a processor in turn."

// Curves are what is drawn.
var Curves = []Curve{
	{Name: "browser", Title: "From the click to the logged-in page in Chromium, SoftHSM", Package: "./internal/lab/e2e", Benchmark: "BenchmarkClickToPage",
		Key: "login", Unit: "ms", Bars: true, Runs: 2, Metrics: []Metric{{"find-ms", "agent found"}, {"before-ms", "challenge, card looked at"}, {"dialog-ms", "dialog"}, {"signature-ms", "signature"},
			{"portal-ms", "portal's answer"}, {"load-ms", "page loaded"}, {"paint-ms", "page drawn"}}},
	{Name: "stages", Title: "A login on a card that takes 20 ms for each command", Package: "./internal/lab/scale", Benchmark: "BenchmarkStages",
		Key: "login", Unit: "ms", Bars: true, Metrics: []Metric{{"before-ms", "until the PIN is asked for"}, {"pin-ms", "the card checks it"}, {"signature-ms", "signature, card locked"}}},
	{Name: "readers", Title: "Readers without a card beside the card's own", Package: "./internal/lab/scale", Benchmark: "BenchmarkReaders",
		Key: "readers", Axis: "readers", Unit: "ms", Metrics: []Metric{{"read-ms", "a card is inserted and read"}, {"login-ms", "a login on a card that was read"}}},
	{Name: "certificates", Title: "Certificates on the card", Package: "./internal/lab/scale", Benchmark: "BenchmarkCertificates",
		Key: "certificates", Axis: "certificates", Unit: "ms", Metrics: []Metric{{"read-ms", "the card is read"}, {"login-ms", "a login"}}, LogX: true},
	{Name: "rows", Title: "Old rows in the portal's database", Package: "./portal", Benchmark: "BenchmarkLoginRows",
		Key: "rows", Axis: "rows", Unit: "us", Metrics: []Metric{{"portal-us", "a login at full load"}}, LogX: true, Runs: 1},
	{Name: "pages", Title: "Open pages: a login at one of them", Package: "./internal/lab/e2e", Benchmark: "BenchmarkPages",
		Key: "pages", Axis: "pages", Unit: "ms", Metrics: []Metric{{"agent-ms", "a login among them"}, {"alone-ms", "a login alone"}}, LogX: true, Runs: 2},
	{Name: "pages-memory", Title: "Open pages: the agent's memory", Package: "./internal/lab/e2e", Benchmark: "BenchmarkPages",
		Key: "pages", Axis: "pages", Unit: "MB", Metrics: []Metric{{"all-MB", "agent"}}, LogX: true, Runs: 2},
}
