package attack

func line02() []Attack { return nil }
