package attack

func line16() []Attack { return nil }
