// Package upgrade has the names with which upgrade-k8s plans.
package upgrade

import (
	"context"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/go-kubernetes/kubernetes/absent"
	"k8s.io/client-go/rest"
)

// Path from one version to another; never made.
type Path struct{ from, to string }

// NewPath fails.
func NewPath(string, string) (*Path, error) { return nil, absent.Err }

// FromVersion is where the path begins.
func (p *Path) FromVersion() string { return p.from }

// ToVersion is where it ends.
func (p *Path) ToVersion() string { return p.to }

// IsSupported is false.
func (p *Path) IsSupported() bool { return false }

// String is what messages show.
func (p *Path) String() string { return p.from + "->" + p.to }

// Checks before an upgrade; never made.
type Checks struct{}

// NewChecks fails.
func NewChecks(*Path, state.State, *rest.Config, []string, []string, func(string, ...any)) (*Checks, error) {
	return nil, absent.Err
}

// Run fails.
func (*Checks) Run(context.Context) error { return absent.Err }
