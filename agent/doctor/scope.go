package doctor

import "slices"

// ofScopes are the options with nothing left in them that is of a scope which is not wanted:
// an inventory that runs as root must learn nothing of root's own agent or keyring.
func (o Options) ofScopes() Options {
	if o.Scopes == nil {
		o.Scopes = Scopes()
	}
	o.Ignore = append([]string{}, o.Ignore...)
	if !slices.Contains(o.Scopes, OfPerson) {
		o.Answers, o.Display, o.StateDir = nil, nil, ""
		o.Closed, o.OtherSession = func() []Process { return nil }, func() bool { return false }
	}
	return o
}

// ofEverybody reports that nothing is wanted that is of the person who runs this.
func (d *doctor) ofEverybody() bool { return !slices.Contains(d.Scopes, OfPerson) }

// scopesOf are the wanted scopes that a check has findings of, the usual one first.
func (d *doctor) scopesOf(check string) (list []Scope) {
	for _, c := range Codes() {
		if c.Check != check {
			continue
		}
		for _, s := range c.Scopes {
			if slices.Contains(d.Scopes, s) && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// wanted are the findings that are, each with its scope. A check that was not made to its end
// counts whatever it would have found.
func (d *doctor) wanted(list []Finding) (wanted []Finding) {
	for _, f := range list {
		switch c := byName()[f.Code]; {
		case f.Scope != "":
		case c.Check == "":
			f.Scope = d.scopesOf(f.Check)[0]
		default:
			f.Scope = c.Scopes[0]
		}
		if slices.Contains(d.Scopes, f.Scope) && !slices.Contains(d.Ignore, f.Code) {
			wanted = append(wanted, f)
		}
	}
	return wanted
}

// ofFile is the scope of what is wrong in a file of settings, or a value of the registry.
func (d *doctor) ofFile(path string) Scope {
	if path != "" && path == d.OwnSettings {
		return OfPerson
	}
	return OfMachine
}
