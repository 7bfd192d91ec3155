package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The names of the Secret Service (freedesktop.org), and the collection that
// go-keyring uses.
const (
	secrets           = "org.freedesktop.secrets"
	secretsPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	secretCollections = "org.freedesktop.Secret.Service.Collections"
	collectionLocked  = "org.freedesktop.Secret.Collection.Locked"
	loginCollection   = secretsPath + "/collection/login"
	defaultCollection = secretsPath + "/aliases/default"
	propertyGet       = "org.freedesktop.DBus.Properties.Get"
)

// reachable checks, before go-keyring is called, that the call can end by itself.
// Go-keyring would start a bus where there is none, and ask the person at any
// time to unlock the keyring; its wait for the answer cannot be interrupted, and
// each wait leaves a channel behind on the process's connection.
func reachable(ctx context.Context, unlock bool) error {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("%w: no session bus: %w", ErrNone, err)
	}
	defer conn.Close()
	if err := errors.Join(conn.Auth(nil), conn.Hello()); err != nil {
		return fmt.Errorf("%w: the session bus: %w", ErrNone, err)
	}
	var collections []dbus.ObjectPath
	if err := property(ctx, conn, secretsPath, secretCollections, &collections); err != nil {
		return err
	}
	collection := defaultCollection
	if slices.Contains(collections, loginCollection) {
		collection = loginCollection
	}
	var locked bool
	if err := property(ctx, conn, collection, collectionLocked, &locked); err != nil {
		return err
	}
	if locked && !unlock {
		return ErrLocked
	}
	return nil
}

func property(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, name string, value any) error {
	dot := strings.LastIndexByte(name, '.')
	var v dbus.Variant
	err := conn.Object(secrets, path).CallWithContext(ctx, propertyGet, 0, name[:dot], name[dot+1:]).Store(&v)
	if err == nil {
		err = v.Store(value)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", kind(err), name[dot+1:], err)
	}
	return nil
}

// kind says what an error of the bus or of go-keyring means.
func kind(err error) error {
	var answer dbus.Error
	errors.As(err, &answer)
	const std = "org.freedesktop.DBus.Error."
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		answer.Name == std+"NoReply", answer.Name == std+"Timeout", answer.Name == std+"TimedOut":
		return ErrSlow
	case answer.Name == std+"ServiceUnknown", answer.Name == std+"NameHasNoOwner", answer.Name == std+"Disconnected",
		strings.HasPrefix(answer.Name, std+"Spawn."), errors.Is(err, dbus.ErrClosed):
		return ErrNone
	case answer.Name == "org.freedesktop.Secret.Error.IsLocked", strings.Contains(err.Error(), "failed to unlock"):
		return ErrLocked // the second is go-keyring's text when the person did not unlock it
	}
	return ErrRefused
}
