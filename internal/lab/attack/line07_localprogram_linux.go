package attack

func line07() []Attack { return nil }
