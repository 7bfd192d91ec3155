package attack

func line05() []Attack { return nil }
