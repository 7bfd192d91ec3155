package attack

func line09() []Attack { return nil }
