package vcard

// badgeATR is what PC/SC gives for a storage card laid on a contactless reader (PC/SC
// part 3, 3.1.3.2.3): no module for cards with keys knows it.
var badgeATR = []byte{0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x6A}

// NewMute makes a card that does not answer, as one that is upside down.
func NewMute() Card { return mute{&badge{pin: NewPIN("", 0)}} }

type mute struct{ *badge }

func (mute) ATR() []byte { return nil }

// badge is a card for doors or lunch: it has neither files nor keys nor a PIN.
type badge struct{ pin *PIN }

// NewBadge makes a badge, a card that no module recognises.
func NewBadge() Card { return &badge{pin: NewPIN("", 0)} }

func (*badge) ATR() []byte   { return badgeATR }
func (*badge) Protocol() int { return 1 }
func (*badge) Reset()        {}

// Transmit knows no command.
func (*badge) Transmit([]byte) []byte { return swUnknownINS.bytes() }

// PIN returns one that is locked from the beginning.
func (b *badge) PIN() *PIN { return b.pin }
