package attack

func line18() []Attack { return nil }
