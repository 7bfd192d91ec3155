package attack

func line04() []Attack { return nil }
