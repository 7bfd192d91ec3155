package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// conditions are those under which a component is installed, which wixl has no words for.
// A property of "-" takes back what an earlier installation was given. A removal takes each
// away, whatever the properties are then: wine leaves one whose condition is false.
var conditions = map[string]string{
	"Autostart":   `NOT AUTOSTART="0"`,
	"NoAutostart": `AUTOSTART="0"`,
	"Origins":     `ORIGINS AND NOT ORIGINS="-"`,
	"Mode":        `MODE AND NOT MODE="-"`,
	"Lang":        `LANG AND NOT LANG="-"`,
	"WSS":         `WSS="1"`,
}

func conditionOf(component string) string {
	return "(" + conditions[component] + `) OR REMOVE="ALL"`
}

// transitive has a condition looked at anew when the package is installed once more
// (msidbComponentAttributesTransitive).
const transitive = 64

// wide is of components in the registry and folders of 64-bit programs
// (msidbComponentAttributes64bit), registryKey of those whose key path is a registry value.
const wide, registryKey = 256, 4

// settingActions have a property keep what an older package was given.
var settingActions = []string{
	"KeepOrigins", "KeepMode", "KeepLang", "KeepWSS", "KeepAutostart",
	"TakeOrigins", "TakeMode", "TakeLang", "TakeWSS", "TakeAutostart", "ListedMode",
}

// propertySet is the type of such a custom action ("Custom Action Type 51"); wixl writes
// 2099.
const propertySet = 51

// programBack is that of an installed program (18) which runs when what comes after it is
// undone (256 and 1024), as SYSTEM (2048), and whatever comes of it (64). wixl drops the
// second and the third.
const programBack = 18 | 64 | 256 | 1024 | 2048

// The attributes of an upgrade: what the features were goes along, and both versions
// themselves count (msidbUpgradeAttributes).
const migrate, minInclusive, maxInclusive = 1, 256, 512

// upgradeCode is the same in all packages, of both architectures: one replaces the other.
const upgradeCode = "{7C1D6E0A-5B1F-4B0E-9A0B-6F2F9C5AD3E4}"

// patch writes into the tables what wixl has no words for, or writes wrong.
func patch(dir, path string, a arch, version, number string, when time.Time) error {
	var queries []string
	attributes := registryKey | transitive
	if a.wixl == "x64" {
		attributes |= wide
	}
	for _, component := range slices.Sorted(maps.Keys(conditions)) {
		queries = append(queries,
			fmt.Sprintf("UPDATE `Component` SET `Condition` = '%s' WHERE `Component` = '%s'", conditionOf(component), component),
			fmt.Sprintf("UPDATE `Component` SET `Attributes` = %d WHERE `Component` = '%s'", attributes, component))
	}
	for _, action := range settingActions {
		queries = append(queries, fmt.Sprintf("UPDATE `CustomAction` SET `Type` = %d WHERE `Action` = '%s'", propertySet, action))
	}
	queries = append(queries, fmt.Sprintf("UPDATE `CustomAction` SET `Type` = %d WHERE `Action` = 'ResumeBack'", programBack))
	for _, file := range []string{"agent", "agentw"} {
		queries = append(queries, fmt.Sprintf("UPDATE `File` SET `Version` = '%s' WHERE `File` = '%s'", fileVersion(version, number), file))
	}
	// REG_EXPAND_SZ, of which wixl makes a REG_SZ.
	queries = append(queries, "UPDATE `Registry` SET `Value` = '#%%SystemRoot%\\System32\\EventCreate.exe' WHERE `Name` = 'EventMessageFile'")
	// Not an advertised one, which would repair the package at a click.
	queries = append(queries, "UPDATE `Shortcut` SET `Target` = '[#agentw]' WHERE `Shortcut` = 'Menu'")
	// Everybody may have a package repaired that is installed for all, and Windows does it
	// with its own rights: of a person without these it takes the properties named here alone
	// ("Restricted Public Properties"). With ORIGINS among them each person could allow a site
	// to everybody. An administrator's are all taken.
	queries = append(queries, "UPDATE `Property` SET `Value` = 'WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE `Property` = 'SecureCustomProperties'")
	// What the search finds must not go that way either: it is made once, and where the package
	// was opened by a click it would be on the person's side.
	queries = append(queries, "DELETE FROM `InstallUISequence` WHERE `Action` = 'AppSearch'")
	// A package of the same number, as between two releases, replaces the one that is there.
	queries = append(queries, "DELETE FROM `Upgrade` WHERE `ActionProperty` = 'WIX_UPGRADE_DETECTED'",
		fmt.Sprintf("INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMin`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('%s', '0.0.0', '%s', %d, 'WIX_UPGRADE_DETECTED')", upgradeCode, number, migrate|minInclusive|maxInclusive))
	// As one that fails at its end would leave nothing otherwise: the old package goes within
	// the installation, which takes it back too.
	queries = append(queries, "UPDATE `InstallExecuteSequence` SET `Sequence` = 1501 WHERE `Action` = 'RemoveExistingProducts'")
	// In one run: each writes the whole package anew.
	if err := silent(dir, when, "msibuild", append([]string{path, "-q"}, queries...)...); err != nil {
		return err
	}
	const codepage = "_ForceCodepage.idt"
	if err := os.WriteFile(filepath.Join(dir, codepage), []byte("\r\n\r\n65001\t_ForceCodepage\r\n"), 0o644); err != nil {
		return err
	}
	if err := silent(dir, when, "msibuild", path, "-i", codepage); err != nil {
		return err
	}
	return silent(dir, when, "msibuild", path, "-s", "CPx Bridge "+version, "CPx Bridge", a.template, "{"+identifier("package", a.name, version)+"}")
}

// fileVersion is what Windows compares files by: that of packaging/windows/resources, which
// is 0.0.0.0 for what is no release.
func fileVersion(version, number string) string {
	if strings.Contains(version, "-") {
		return "0.0.0.0"
	}
	return number + ".0"
}
