// Package ssa has the names that upgrade-k8s uses for its manifests.
package ssa

import (
	"context"
	"time"

	"github.com/siderolabs/go-kubernetes/kubernetes/absent"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

// InventoryPolicy is a word of the command line.
type InventoryPolicy string

// ParseInventoryPolicy is the first thing that upgrade-k8s asks.
func ParseInventoryPolicy(string) (InventoryPolicy, error) { return "", absent.Err }

type (
	// Change of one object.
	Change struct{ Action, Subject, Diff string }
	// DiffOptions of a dry run.
	DiffOptions struct {
		NoPrune         bool
		InventoryPolicy InventoryPolicy
	}
	// ApplyOptions of a run.
	ApplyOptions struct {
		InventoryPolicy InventoryPolicy
		WaitTimeout     time.Duration
		NoPrune, Force  bool
	}
	// WaitOptions of the wait behind it.
	WaitOptions struct {
		Interval, Timeout time.Duration
		FailFast          bool
	}
	// Manager is never made.
	Manager struct{}
)

// NewManager fails.
func NewManager(_ context.Context, _ *rest.Config, _, _, _ string) (*Manager, error) {
	return nil, absent.Err
}

// Close does nothing.
func (*Manager) Close() {}

// Diff fails.
func (*Manager) Diff(context.Context, []*unstructured.Unstructured, DiffOptions) ([]Change, error) {
	return nil, absent.Err
}

// Apply fails.
func (*Manager) Apply(context.Context, []*unstructured.Unstructured, ApplyOptions) ([]Change, error) {
	return nil, absent.Err
}
