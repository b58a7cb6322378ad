//go:build talos114

package main

import (
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
)

func validateBundle(b *secrets.Bundle) error { return b.Validate(config.TalosVersionCurrent) }

func bundleFromConfig(provider config.Provider) (*secrets.Bundle, error) {
	return secrets.NewBundleFromConfig(secrets.NewClock(), provider)
}
