package quick

// What packages are left out for, besides the headers that they are compiled with.
const (
	softHSM  = "SoftHSM"
	keyrings = "a session bus, a keyring"
	dialogs  = "a display, pinentry programs"
	browsers = "browsers, and Node"
	readers  = "the PC/SC library"
	stations = "a whole workstation: display, browsers, SoftHSM, OpenSC"
	wines    = "wine, and compilers for Windows"
	checkers = "openssl, spin"
	programs = "the programs as they are built"
	network  = "the network"
)

// wholePackages are left out whole, by their folder: most of their tests need it.
var wholePackages = map[string]string{
	"agent/command": softHSM, "cmd/cpx-card": softHSM, "pkcs11": softHSM, "internal/lab/conformance": softHSM,
	"agent/desktop": keyrings, "agent/keyring": keyrings, "agent/localcert": keyrings, "agent/sites": keyrings,
	"agent/prompt": dialogs, "js": browsers, "pkcs11/pcsc": readers,
	"internal/lab/attack": stations, "internal/lab/browserlab": stations, "internal/lab/e2e": stations,
	"internal/lab/faults": stations, "internal/lab/situations": stations, "internal/lab/soak": stations, "internal/lab/terminalserver": stations,
	"internal/lab/windowslab": wines, "internal/lab/winetest": wines,
	"internal/lab/badcerts": checkers, "internal/lab/model": checkers,
	"internal/lab/docs": programs, "packaging/supply": network,
}

// onWindows are the tests that play their package's other tests in wine, by the name that
// each has.
var onWindows = []string{"TestWindows", "TestOnWindows"}
