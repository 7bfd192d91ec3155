package attack

func line24() []Attack { return nil }
