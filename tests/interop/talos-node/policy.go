package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var errNotAuthorized = status.Error(codes.PermissionDenied, "not authorized")

// Who may call what: the rules of Talos 1.13's machined for the calls that are answered here.
var readers = role.MakeSet(role.Admin, role.Operator, role.Reader)

var rules = map[string]role.Set{
	"/cluster.ClusterService/HealthCheck":        readers,
	"/machine.MachineService/ApplyConfiguration": role.MakeSet(role.Admin, role.Reader), // a reader in maintenance mode only: the call looks itself
	"/machine.MachineService/Dmesg":              readers,
	"/machine.MachineService/EtcdMemberList":     role.MakeSet(role.Admin, role.Operator, role.Reader, role.EtcdBackup),
	"/machine.MachineService/EtcdStatus":         role.MakeSet(role.Admin, role.Operator, role.Reader, role.EtcdBackup),
	"/machine.MachineService/Hostname":           readers,
	"/machine.MachineService/Logs":               readers,
	"/machine.MachineService/Memory":             readers,
	"/machine.MachineService/Reboot":             role.MakeSet(role.Admin, role.Operator),
	"/machine.MachineService/ServiceList":        readers,
	"/machine.MachineService/Shutdown":           role.MakeSet(role.Admin, role.Operator),
	"/machine.MachineService/Version":            readers,
	"/cosi.resource.State/Get":                   readers,
	"/cosi.resource.State/List":                  readers,
	"/cosi.resource.State/Watch":                 readers,
	"/storage.StorageService/Disks":              readers,
}

// What has no rule is for administrators: Bootstrap, EtcdLeaveCluster, Kubeconfig, Read, Reset …
func authorize(method string, roles role.Set) error {
	allowed, found := rules[method]
	if !found {
		allowed = role.MakeSet(role.Admin)
	}
	if !allowed.IncludesAny(roles) {
		return errNotAuthorized
	}
	return nil
}

// Resources are read only; types and namespaces that nobody defined, and sensitive ones for others than administrators, are refused.
func (n *node) mayRead(ctx context.Context, access state.Access) error {
	if !access.Verb.Readonly() {
		return status.Error(codes.PermissionDenied, "write access is not allowed")
	}
	definition, err := safe.StateGet[*meta.ResourceDefinition](ctx, n.resources, resource.NewMetadata(meta.NamespaceName, meta.ResourceDefinitionType,
		strings.ToLower(access.ResourceType), resource.VersionUndefined))
	if state.IsNotFoundError(err) {
		return status.Error(codes.PermissionDenied, fmt.Sprintf("resource type %q is not supported", access.ResourceType))
	}
	if err != nil {
		return err
	}
	if definition.TypedSpec().Sensitivity == meta.Sensitive && !rolesOf(ctx).Includes(role.Admin) {
		return errNotAuthorized
	}
	_, err = safe.StateGet[*meta.Namespace](ctx, n.resources, resource.NewMetadata(meta.NamespaceName, meta.NamespaceType, access.ResourceNamespace,
		resource.VersionUndefined))
	if state.IsNotFoundError(err) {
		return status.Error(codes.PermissionDenied, fmt.Sprintf("namespace %q is not supported", access.ResourceNamespace))
	}
	return err
}
