package faults

// objectFaults are those of what stands on a card, which cost the one object or
// attribute, and of what its module says of the PIN.
func objectFaults() []fault {
	var list []fault
	for _, f := range []struct{ name, function, fault, want string }{
		{"another certificate, which comes first, cannot be read", "C_GetAttributeValue", "of:Certificat?de:attr:11:rv:30\nC_FindObjects last:Certificat?d'A", "ok"},
		{"no certificate can be read", "C_GetAttributeValue", "attr:11:rv:30", "module_failed"},
		{"another certificate is cut off", "C_GetAttributeValue", "of:Certificat?de:attr:11:short", "ok"},
		{"no label can be read", "C_GetAttributeValue", "attr:3:rv:12", "ok"},
		{"certificates padded with zeros", "C_GetAttributeValue", "attr:11:pad:0", "ok"},
		{"certificates padded with FF", "C_GetAttributeValue", "attr:11:pad:ff", "ok"},
		{"one object a call", "C_FindObjects", "one", "ok"},
		{"certificates with a negative serial", "C_GetAttributeValue", "attr:11:negative", "no_certificate"},
		{"no certificate is shown before the PIN", "C_FindObjects", "nothing", "no_certificate"},
		{"PIN to be changed", "C_GetTokenInfo", "flags:80000", "pin_not_set"},
		{"PIN expired, says C_Login", "C_Login", "rv:a3", "pin_not_set"},
		{"PIN expired, says C_SignInit", "C_SignInit", "rv:a3", "pin_not_set"},
	} {
		list = append(list, fault{"module: " + f.name, inModule, nil, []string{f.want}, 0, func(w *world) string {
			if err := w.module.Fail(f.function, f.fault); err != nil {
				return err.Error()
			}
			got := w.login(nil)
			if err := w.module.Heal(); err != nil {
				return err.Error()
			}
			return got
		}})
	}
	return list
}
