// Package manifests has the names of upgrade-k8s for Talos before 1.13.
package manifests

import (
	"context"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/go-kubernetes/kubernetes/absent"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

// GetBootstrapManifests fails.
func GetBootstrapManifests(context.Context, state.State, any) ([]*unstructured.Unstructured, error) {
	return nil, absent.Err
}

// SyncWithLog fails.
func SyncWithLog(context.Context, []*unstructured.Unstructured, *rest.Config, bool, func(string, ...any)) error {
	return absent.Err
}
