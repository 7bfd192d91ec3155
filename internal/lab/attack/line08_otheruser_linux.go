package attack

func line08() []Attack { return nil }
