//go:build !linux

package keyring

import (
	"context"

	"github.com/zalando/go-keyring"
)

// These systems always have a keyring.

func get(_ context.Context, _ bool, account string) (string, error) {
	return keyring.Get(service, account)
}

func set(_ context.Context, _ bool, account, secret string) error {
	return keyring.Set(service, account, secret)
}

func remove(_ context.Context, _ bool, account string) error {
	return keyring.Delete(service, account)
}

func kind(error) error { return ErrRefused }
