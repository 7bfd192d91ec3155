package attack

func line26() []Attack { return nil }
