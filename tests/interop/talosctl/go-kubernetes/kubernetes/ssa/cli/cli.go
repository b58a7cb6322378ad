// Package cli has the names that upgrade-k8s uses to show what it did.
package cli

import (
	"context"

	"github.com/siderolabs/go-kubernetes/kubernetes/absent"
	"github.com/siderolabs/go-kubernetes/kubernetes/ssa"
)

// LogApplyResults does nothing: there are none.
func LogApplyResults(context.Context, []ssa.Change, *ssa.Manager, func(string, ...any)) {}

// Wait fails.
func Wait(context.Context, []ssa.Change, func(string, ...any), *ssa.Manager, ssa.WaitOptions) error {
	return absent.Err
}
