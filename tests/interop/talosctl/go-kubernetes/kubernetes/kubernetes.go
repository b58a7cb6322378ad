// Package kubernetes is the client that `health`, `reboot` and `upgrade` make from a node's kubeconfig.
package kubernetes

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Client is a clientset whose connections end with it.
type Client struct {
	*kubernetes.Clientset

	transport *http.Client
}

// NewForConfig makes a client with connections of its own.
func NewForConfig(config *rest.Config) (*Client, error) {
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	clientset, err := kubernetes.NewForConfigAndClient(config, transport)
	if err != nil {
		return nil, err
	}
	return &Client{Clientset: clientset, transport: transport}, nil
}

// Close lets idle connections go.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// IsRetryableError says whether a call may succeed later: the server is busy, not there yet, or the connection broke.
func IsRetryableError(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsTooManyRequests(err) {
		return true
	}
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH} {
		if errors.Is(err, cause) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network)
}
