//go:build tools

// Package etcd names the program that is built from this module's requirements.
package etcd

import _ "go.etcd.io/etcd/server/v3"
