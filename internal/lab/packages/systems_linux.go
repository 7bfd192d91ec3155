package packages

// Systems are all worlds in which packages are tried: the columns of the table.
func Systems() []System {
	return []System{
		debian("Debian 12", "bookworm", "cps3"),
		// OpenSC 0.26 logs in with no CPS card (docs/administrators.md).
		debian("Debian 13", "trixie", "piv"),
		rpmInDebian(),
		windows("Windows x64", "TestPackageX64"),
		windows("Windows x86", "TestPackageX86"),
	}
}
