package attack

func line14() []Attack { return nil }
